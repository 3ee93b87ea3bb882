: calcium concentration: what flows in, and a decay towards rest
NEURON { SUFFIX zdecay  USEION ca READ ica WRITE cai  RANGE depth, tau }
UNITS { FARADAY = (faraday) (coulombs) }
PARAMETER { depth = 0.2 (um)  tau = 60 (ms)  rest = 1e-4 (mM) }
ASSIGNED { ica (mA/cm2) }
STATE { cai (mM) }
INITIAL { cai = rest }
BREAKPOINT { SOLVE change METHOD cnexp }
DERIVATIVE change { cai' = -(10000)*ica/(2*FARADAY*depth) - (cai - rest)/tau }
