NEURON { SUFFIX single NONSPECIFIC_CURRENT i RANGE c, g }
PARAMETER { g = 1e-4 }
ASSIGNED { v i inf }
STATE { c }
INITIAL { c = 0.5 }
BREAKPOINT { SOLVE one METHOD derivimplicit i = g*c*(v + 20) }
DERIVATIVE one { inf = 1/(1 + exp(-v/20)) c' = (inf - c*c)/5 }
