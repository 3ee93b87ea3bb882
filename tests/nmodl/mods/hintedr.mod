: CONDUCTANCE of RANGE variables, set in the block and by a PROCEDURE
NEURON { SUFFIX hintedr USEION k READ ek WRITE ik NONSPECIFIC_CURRENT il RANGE gkbar, g, gl, gk0, seen }
PARAMETER { gkbar = 1e-3 gk0 = 2e-5 el = -60 }
ASSIGNED { v ek ik il g gl ninf ntau seen }
STATE { n }
INITIAL { rates(v) n = ninf g = 0 gl = 1e-5 seen = 0 }
BREAKPOINT {
    SOLVE s METHOD cnexp
    CONDUCTANCE g USEION k
    CONDUCTANCE gl
    seen = g
    rates(v)
    if (n > 0.5) { g = gkbar*n*n } else { g = gk0 + gkbar*n*n*ninf/(ninf + 1e-9) }
    gl = 1e-4*(1 + n)
    ik = g*(v - ek)
    il = gl*(v - el)
}
DERIVATIVE s { rates(v) n' = (ninf - n)/ntau }
PROCEDURE rates(u) { ninf = 1/(1 + exp(-(u + 40)/9)) ntau = 3 }
