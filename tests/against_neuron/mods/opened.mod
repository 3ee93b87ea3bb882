COMMENT
A conductance opened by calcium, read from a table over the concentration.
ENDCOMMENT
NEURON {
    SUFFIX opened
    USEION ca READ cai
    NONSPECIFIC_CURRENT i
    RANGE g, e, i
}
PARAMETER { g = 1e-5 (S/cm2)  e = -90 (mV)  half = 1e-4 (mM) }
ASSIGNED { v (mV) i (mA/cm2) cai (mM) part }
BREAKPOINT {
    share(cai)
    i = g*part*(v - e)
}
PROCEDURE share(c (mM)) {
    TABLE part DEPEND half FROM 0 TO 0.001 WITH 150
    part = c/(c + half)
}
