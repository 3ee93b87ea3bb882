: two states that act on each other, by derivimplicit; one by itself, by cnexp in the same file
NEURON { SUFFIX zimplicit  NONSPECIFIC_CURRENT i  RANGE a, b, g }
PARAMETER { g = 1e-4 (S/cm2)  e = -40 (mV)  loss = 0.4  gain = 1.5 }
ASSIGNED { v (mV) i (mA/cm2) open }
STATE { a b }
INITIAL { a = 0.3  b = 0.2 }
BREAKPOINT { SOLVE both METHOD derivimplicit  i = g*(a*a + b)*(v - e) }
DERIVATIVE both {
    gate(v)
    a' = open*(1 - a) - loss*a*b
    b' = gain*a*a - b/(0.5 + b)
}
PROCEDURE gate(v (mV)) { open = 1/(1 + exp(-(v + 45)/12)) }
