NEURON { POINT_PROCESS clamp RANGE del, dur, amp, i ELECTRODE_CURRENT i }
PARAMETER { del = 1 dur = 3 amp = 0.05 }
ASSIGNED { i }
INITIAL { i = 0 }
BREAKPOINT {
    at_time(del)
    at_time(del + dur)
    if (t < del + dur && t >= del) { i = amp } else { i = 0 }
}
