: blocks that run at times of their own
NEURON { SUFFIX zwhen  NONSPECIFIC_CURRENT i  RANGE peak, steps, slow, amp }
PARAMETER { amp = 2e-3 (mA/cm2) }
ASSIGNED { v (mV) i (mA/cm2) peak (mV) steps slow (mV) }
INITIAL { peak = v  steps = 0  slow = v }
BEFORE BREAKPOINT { slow = slow + 0.01*(v - slow) }
BREAKPOINT { i = amp*sin(t)*(v - slow)/50 }
BEFORE STEP { if (v > peak) { peak = v } }
AFTER SOLVE { steps = steps + 1 }
