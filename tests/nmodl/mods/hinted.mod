: CONDUCTANCE instead of NEURON's difference
NEURON { SUFFIX hinted USEION k READ ek WRITE ik NONSPECIFIC_CURRENT il RANGE gkbar, gl, n }
PARAMETER { gkbar = 1e-3 gl = 1e-4 el = -60 }
ASSIGNED { v ek ik il }
STATE { n }
INITIAL { n = 0.1 }
BREAKPOINT { LOCAL gk
    SOLVE s METHOD cnexp
    CONDUCTANCE gk USEION k
    CONDUCTANCE gl
    gk = gkbar*n*n
    ik = gk*(v - ek)
    il = gl*(v - el)
}
DERIVATIVE s { n' = (1/(1 + exp(-(v + 40)/9)) - n)/3 }
