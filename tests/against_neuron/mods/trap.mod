COMMENT
Counts excursions of the voltage and pushes back.
ENDCOMMENT
NEURON {
    POINT_PROCESS Trap
    NONSPECIFIC_CURRENT i
    RANGE hi, lo, up, down, g, tau, last
}
PARAMETER { hi = -55 (mV)  lo = -60 (mV)  tau = 4 (ms)  e = -80 (mV) }
ASSIGNED { v (mV) i (nA) up down last (ms) }
STATE { g (uS) }
INITIAL { g = 0  up = 0  down = 0  last = -1  net_send(0, 1) }
BREAKPOINT { SOLVE decay METHOD cnexp  i = g*(v - e) }
DERIVATIVE decay { g' = -g/tau }
NET_RECEIVE (w) {
    if (flag == 1) {
        WATCH (v > hi) 2
        WATCH (v < lo) 3
    } else if (flag == 2) {
        up = up + 1
        g = g + 0.002
        last = t
        WATCH (v < lo) 3
    } else if (flag == 3) {
        down = down + 1
        WATCH (v > hi) 2
    } else {
        g = g + w
    }
}
