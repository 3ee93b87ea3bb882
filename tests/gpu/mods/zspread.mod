: calcium that diffuses along the cell in three shells, and an ion of its own that does so as a whole
NEURON { SUFFIX zspread  USEION ca READ ica, cai WRITE cai  RANGE D }
DEFINE NS 3
UNITS { FARADAY = (faraday) (10000 coulomb)  PI = (pi) (1) }
PARAMETER { D = 0.5 (um2/ms)  on = 1.5  off = 0.04  load = 0.02  leak = 0.05 }
ASSIGNED { diam (um) ica (mA/cm2) cai (mM) }
STATE { ca[NS] (mM) <1e-9>  held[NS] (mM) }
INITIAL { FROM i = 0 TO NS-1 { ca[i] = cai  held[i] = 0.0005*(i + 1) } }
BREAKPOINT { SOLVE state METHOD sparse }
KINETIC state {
    COMPARTMENT i, diam*diam*PI/(4*NS) {ca held}
    LONGITUDINAL_DIFFUSION i, D*diam*diam*PI/(4*NS) {ca}
    ~ ca[0] << (-ica*PI*diam/(2*FARADAY) + leak*diam*1e-4)
    FROM i = 0 TO NS-2 { ~ ca[i] <-> ca[i+1] (D*2, D*2) }
    FROM i = 0 TO NS-1 { ~ ca[i] <-> held[i] (on*diam*diam*load, off*diam*diam) }
    cai = ca[0]
}
