COMMENT
Every connection sends its first events itself when it is set up: when and which, its weight tells.
ENDCOMMENT
NEURON {
    POINT_PROCESS Primed
    NONSPECIFIC_CURRENT i
    RANGE tau, e, early, late, order
}
PARAMETER { tau = 2 (ms)  e = 0 (mV) }
ASSIGNED { v (mV) i (nA) early late order }
STATE { g (uS) }
INITIAL { g = 0  early = 0  late = 0  order = 0 }
BREAKPOINT { SOLVE decay METHOD cnexp  i = g*(v - e) }
DERIVATIVE decay { g' = -g/tau }
NET_RECEIVE (w, wait (ms), count) {
    INITIAL {
        count = 0
        wait = 1 + 400*w
        net_send(wait, 1)
        if (w > 0.002) { net_send(2*wait, 2) } else { net_send(0, 3) }
    }
    order = 0.7*order + w*(1 + flag)
    if (flag == 0) {
        g = g + w*(1 + count)
    } else if (flag == 1) {
        early = early + 1
        count = count + 1
        w = w*1.02
        net_send(wait + count, 1)
    } else if (flag == 2) {
        late = late + count + t
        g = g + w/3
    } else {
        g = g + 2*w
    }
}
