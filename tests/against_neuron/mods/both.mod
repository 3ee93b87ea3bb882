COMMENT
Two conditions that one event makes true in the same step: what the first one's answer arms withdraws the
other's event.
ENDCOMMENT
NEURON {
    POINT_PROCESS Both
    RANGE x, tau, low, high, back
}
PARAMETER { tau = 1.5 (ms) }
ASSIGNED { low high back }
STATE { x }
INITIAL {
    x = 0
    low = 0
    high = 0
    back = 0
    net_send(0, 1)
}
BREAKPOINT { SOLVE fall METHOD cnexp }
DERIVATIVE fall { x' = -x/tau }
NET_RECEIVE (w) {
    if (flag == 0) {
        x = x + w
    } else if (flag == 2) {
        low = low + 1 + x
        WATCH (x < 0.2) 4
        WATCH (x > 1.5) 3
    } else if (flag == 3) {
        high = high + 1 + x
        WATCH (x < 0.3) 4
    } else {
        if (flag == 4) { back = back + 1 }
        WATCH (x > 0.5) 2
        WATCH (x > 1.5) 3
    }
}
