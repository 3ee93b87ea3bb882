: a synapse that learns: depression at its own events, potentiation of all connections at a postsynaptic crossing
NEURON {
    POINT_PROCESS ZLearn
    NONSPECIFIC_CURRENT i
    RANGE tau, e, thr, post, sum, late, g
}
PARAMETER { tau = 3 (ms)  e = 0 (mV)  thr = -25 (mV)  up = 0.08  down = 0.05 }
ASSIGNED { v (mV) i (nA) post (ms) sum late }
STATE { g (uS) }
INITIAL { g = 0  post = -1e3  sum = 0  late = 0  net_send(0, 1) }
BREAKPOINT { SOLVE decay METHOD cnexp  i = g*(v - e) }
DERIVATIVE decay { g' = -g/tau }
NET_RECEIVE (w, trace, last (ms)) {
    INITIAL { trace = 0  last = -1e3 }
    if (flag == 0) {
        trace = 1 + trace*exp((last - t)/15)
        w = w*(1 - down*exp((post - t)/20))
        g = g + w
        last = t
        net_send(2.5, 3)
    } else if (flag == 2) {
        sum = 0
        FOR_NETCONS (w1, trace1, last1) {
            w1 = w1*(1 + up*trace1*exp((last1 - t)/15))
            sum = sum + w1
        }
        post = t
        WATCH (v > thr) 2
    } else if (flag == 3) {
        late = late + w
        g = g + w/4
    } else {
        WATCH (v > thr) 2
    }
}
