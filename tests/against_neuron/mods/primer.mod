COMMENT
The same of an artificial cell, which spikes when the events of its connections come.
ENDCOMMENT
NEURON {
    ARTIFICIAL_CELL Primer
    RANGE m
}
ASSIGNED { m }
INITIAL { m = 0 }
NET_RECEIVE (w, primed) {
    INITIAL { primed = 0  net_send(3 + 1000*w, 4) }
    if (flag == 4) {
        primed = primed + 1
        m = 0.9*m + w
        net_event(t)
        net_send(7 + 100*w, 4)
    } else {
        m = m + primed*w
    }
}
