NEURON { SUFFIX explicit NONSPECIFIC_CURRENT i RANGE a, b, g }
PARAMETER { g = 1e-4 e = -20 }
ASSIGNED { v i }
STATE { a b }
INITIAL { a = 0.2 b = 0.1 }
BREAKPOINT { SOLVE fhn METHOD euler i = g*a*(v - e) }
DERIVATIVE fhn {
    a' = a - a*a*a/3 - b + 0.1
    b' = (a + 0.7 - 0.8*b)/12.5
}
