: an artificial cell that is due at a time which every input moves
NEURON { ARTIFICIAL_CELL ZMove  RANGE due, fired, pause }
PARAMETER { pause = 6 (ms) }
ASSIGNED { due (ms) fired }
INITIAL { due = pause  fired = 0  net_send(pause, 1) }
NET_RECEIVE (w) {
    if (flag == 1) {
        fired = fired + 1
        net_event(t)
        due = t + pause
        net_send(pause, 1)
    } else if (due - t > 1) {
        due = t + (due - t)*(1 - w)
        net_move(due)
    }
}
