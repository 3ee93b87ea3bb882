NEURON { SUFFIX before RANGE peak, steps, doubled }
ASSIGNED { v peak steps doubled }
INITIAL { peak = v steps = 0 doubled = 0 }
BEFORE STEP { if (v > peak) { peak = v } }
AFTER SOLVE { steps = steps + 1 }
BREAKPOINT { doubled = 2*v }
