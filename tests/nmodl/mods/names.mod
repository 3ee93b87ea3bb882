NEURON { SUFFIX names NONSPECIFIC_CURRENT in RANGE lambda, in, is, range }
PARAMETER { lambda = 1e-4 is = -55 range = 2 }
ASSIGNED { v in }
BREAKPOINT { in = lambda*exp(range*0)*(v - is) }
