COMMENT
Reads one pointer and moves what another one points at.
ENDCOMMENT
NEURON {
    POINT_PROCESS Follow
    NONSPECIFIC_CURRENT i
    POINTER src, dst
    RANGE g, rate
}
PARAMETER { g = 0.0005 (uS)  rate = 1e-4 }
ASSIGNED { v (mV) i (nA) src (mV) dst }
BREAKPOINT { SOLVE pump  i = g*(v - src) }
PROCEDURE pump() { dst = dst + rate*(v + 60) }
NET_RECEIVE (w) { dst = dst + w*src }
