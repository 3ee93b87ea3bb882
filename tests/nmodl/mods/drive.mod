: a soft voltage clamp: a ramp from -90 to 40 mV, then two steps
NEURON {
    POINT_PROCESS drive
    RANGE g, i
    NONSPECIFIC_CURRENT i
}
PARAMETER { g = 0.02 (uS) }
ASSIGNED { v (mV) i (nA) }
BREAKPOINT {
    LOCAL command
    if (t < 10) { command = -90 + 13*t } else if (t < 15) { command = -20 } else { command = -75 }
    i = g*(v - command)
}
