: reads what one pointer points at and moves what another one does
NEURON {
    POINT_PROCESS ZFollow
    NONSPECIFIC_CURRENT i
    POINTER of, moved
    RANGE g, rate
}
PARAMETER { g = 0.0008 (uS)  rate = 2e-4 }
ASSIGNED { v (mV) i (nA) of moved }
BREAKPOINT { SOLVE drift  i = g*(v - of) }
PROCEDURE drift() { moved = moved + rate*(v + 62) }
