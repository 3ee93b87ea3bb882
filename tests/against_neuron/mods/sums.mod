: self events after sums, whose terms NEURON adds to t one by one
NEURON { POINT_PROCESS Sums RANGE a, b, x, last NONSPECIFIC_CURRENT i }
UNITS { (nA) = (nanoamp) }
PARAMETER { a = 0.1 b = 0.7 }
ASSIGNED { i (nA) x last n }
INITIAL { x = 0 last = 0 n = 0 net_send(a + b, 1) }
BREAKPOINT { i = -x*1e-4 }
NET_RECEIVE(w) {
    last = t
    n = n + 1
    if (flag == 1) {
        net_send(a + b*n/30 - 0.003, 2)
    } else if (flag == 2) {
        x = x + t
        net_send((a + b)/3, 3)
    } else if (flag == 3) {
        net_send((a + b) + 0.0007, 4)
    } else if (flag == 4) {
        net_send(a - (b - 0.93), 5)
    } else if (flag == 5) {
        net_send(last + 1.37 - t, 1)
    } else {
        x = x - w*t
    }
}
