: calcium in four shells with a buffer that binds it: nonlinear KINETIC, solved by sparse
NEURON {
    SUFFIX zbuffer
    USEION ca READ ica, cai WRITE cai
    RANGE held, pumped
}
DEFINE SHELLS 4
UNITS { FARADAY = (faraday) (kilocoulombs)  PI = (pi) (1) }
PARAMETER { on = 40  off = 0.4  d = 0.3  load = 0.03  out = 0.1 }
ASSIGNED { ica (mA/cm2) cai (mM) diam (um) vol[SHELLS] held pumped }
STATE { ca[SHELLS] (mM)  free[SHELLS] (mM)  bound[SHELLS] (mM) }
INITIAL {
    FROM i = 0 TO SHELLS-1 {
        vol[i] = PI*diam*diam/(6 + 3*i)
        ca[i] = cai
        free[i] = load*off/(off + on*cai)
        bound[i] = load - free[i]
    }
}
BREAKPOINT { SOLVE shells METHOD sparse }
KINETIC shells {
    COMPARTMENT i, vol[i] {ca free bound}
    ~ ca[0] << (-ica*PI*diam*1e-4/(2*FARADAY))
    FROM i = 0 TO SHELLS-2 { ~ ca[i] <-> ca[i+1] (d, d) }
    FROM i = 0 TO SHELLS-1 { ~ ca[i] + free[i] <-> bound[i] (on*vol[i], off*vol[i]) }
    ~ ca[0] -> (out)
    pumped = b_flux - f_flux
    cai = ca[0]
    held = bound[0] + bound[1]
}
