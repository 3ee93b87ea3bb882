COMMENT
Depression before, potentiation after: a postsynaptic crossing changes every connection.
ENDCOMMENT
NEURON {
    POINT_PROCESS Pairs
    NONSPECIFIC_CURRENT i
    RANGE tau, e, thr, tpost, a, total
}
PARAMETER { tau = 3 (ms)  e = 0 (mV)  thr = -20 (mV)  a = 0.1 }
ASSIGNED { v (mV) i (nA) tpost (ms) total }
STATE { g (uS) }
INITIAL { g = 0  tpost = -1e3  total = 0  net_send(0, 1) }
BREAKPOINT { SOLVE decay METHOD cnexp  i = g*(v - e) }
DERIVATIVE decay { g' = -g/tau }
NET_RECEIVE (w, trace, tpre (ms)) {
    INITIAL { trace = 0  tpre = -1e3 }
    if (flag == 0) {
        trace = trace*exp((tpre - t)/20) + 1
        w = w*(1 - a*exp((tpost - t)/30))
        g = g + w
        tpre = t
    } else if (flag == 2) {
        total = 0
        FOR_NETCONS (w1, tr, tp) {
            w1 = w1*(1 + a*tr*exp((tp - t)/20))
            total = total + w1
        }
        tpost = t
        WATCH (v > thr) 2
    } else {
        WATCH (v > thr) 2
    }
}
