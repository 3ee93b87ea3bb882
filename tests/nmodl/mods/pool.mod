: calcium concentration: an ion variable that is a STATE
NEURON { SUFFIX pool USEION ca READ ica WRITE cai RANGE gamma, decay, depth }
UNITS { (mM) = (milli/liter) FARADAY = (faraday) (coulombs) }
PARAMETER { gamma = 0.05 decay = 80 (ms) depth = 0.1 (um) minCai = 1e-4 (mM) }
ASSIGNED { ica (mA/cm2) }
STATE { cai (mM) }
INITIAL { cai = 2*minCai }
BREAKPOINT { SOLVE states METHOD cnexp }
DERIVATIVE states { cai' = -(10000)*(ica*gamma/(2*FARADAY*depth)) - (cai - minCai)/decay }
