NEURON { SUFFIX implicit NONSPECIFIC_CURRENT i RANGE a, b, g }
PARAMETER { g = 1e-4 e = -20 k1 = 0.3 k2 = 2 }
ASSIGNED { v i drive }
STATE { a b }
INITIAL { a = 0.2 b = 0.1 }
BREAKPOINT { SOLVE both METHOD derivimplicit i = g*(a + b)*(v - e) }
DERIVATIVE both {
    forces(v)
    a' = drive*(1 - a) - k1*a*b
    b' = k2*a*a - b/(1 + b)
}
PROCEDURE forces(v) { drive = 1/(1 + exp(-(v + 50)/10)) }
