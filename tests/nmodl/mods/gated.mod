: reactions that happen in one of two ways
NEURON { SUFFIX gated RANGE fast, o USEION k READ ek WRITE ik }
PARAMETER { fast = 1 g = 0.001 (S/cm2) }
ASSIGNED { v (mV) ek (mV) ik (mA/cm2) a b }
STATE { c o d }
INITIAL { c = 0.7 o = 0.2 d = 0.1 }
BREAKPOINT {
    SOLVE scheme METHOD sparse
    ik = g*o*(v - ek)
}
KINETIC scheme {
    a = exp(v/30)
    b = exp(-v/40)
    if (fast > 0.5) {
        ~ c <-> o (2*a, b)
        ~ o <-> d (0.3, 0.1)
    } else {
        ~ c <-> o (a, b)
        ~ o <-> d (0.01, 0)
    }
    CONSERVE c + o + d = 1
}
