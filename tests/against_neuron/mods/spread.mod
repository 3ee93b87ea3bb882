NEURON {
    SUFFIX spread
    USEION ca READ ica, cai WRITE cai
    RANGE D, total
    GLOBAL vrat
}
DEFINE NSH 3
UNITS { (um) = (micron)  FARADAY = (faraday) (10000 coulomb)  PI = (pi) (1) }
PARAMETER { D = 0.3 (um2/ms)  k1 = 2  k2 = 0.05  b0 = 0.01 }
ASSIGNED { diam (um) ica (mA/cm2) cai (mM) vrat[NSH] total B0 }
STATE { ca[NSH] (mM) <1e-9>  cab[NSH] (mM) }
LOCAL done
INITIAL {
    if (done == 0) { done = 1  factors() }
    FROM i = 0 TO NSH-1 { ca[i] = cai  cab[i] = 0.001*(i+1) }
}
BREAKPOINT { SOLVE state METHOD sparse }
LOCAL frat[NSH]
PROCEDURE factors() {
    LOCAL r, dr2
    r = 1/2
    dr2 = r/(NSH-1)/2
    vrat[0] = 0
    frat[0] = 2*r
    FROM i = 0 TO NSH-2 {
        vrat[i] = vrat[i] + PI*(r-dr2/2)*2*dr2
        r = r - dr2
        frat[i+1] = 2*PI*r/(2*dr2)
        r = r - dr2
        vrat[i+1] = PI*(r+dr2/2)*2*dr2
    }
}
KINETIC state {
    COMPARTMENT i, diam*diam*vrat[i] {ca cab}
    LONGITUDINAL_DIFFUSION i, D*diam*diam*vrat[i] {ca}
    ~ ca[0] << (-ica*PI*diam/(2*FARADAY))
    FROM i = 0 TO NSH-2 {
        ~ ca[i] <-> ca[i+1] (D*frat[i+1], D*frat[i+1])
    }
    FROM i = 0 TO NSH-1 {
        ~ ca[i] <-> cab[i] (k1*diam*diam*vrat[i]*b0, k2*diam*diam*vrat[i])
    }
    cai = ca[0]
}
