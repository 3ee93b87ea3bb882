: calcium in two shells that diffuses along the cell
NEURON {
    SUFFIX spread
    USEION ca READ cai, ica WRITE cai
    RANGE total
}
UNITS { PI = (pi) (1) FARADAY = (faraday) (10000 coulomb) }
PARAMETER { DCa = 0.6 (um2/ms) back = 0.05 (/ms) }
ASSIGNED { diam (um) cai (mM) ica (mA/cm2) total vol[2] }
STATE { ca[2] (mM) pump (mM) pumped (mM) }
INITIAL {
    vol[0] = 0.3
    vol[1] = 0.45
    cai = 1e-4
    ca[0] = cai
    ca[1] = 2*cai
    pump = 1e-3
    pumped = 0
}
BREAKPOINT { SOLVE shells METHOD sparse }
KINETIC shells {
    COMPARTMENT i, diam*diam*vol[i] {ca}
    COMPARTMENT diam {pump pumped}
    LONGITUDINAL_DIFFUSION i, DCa*diam*diam*vol[i] {ca}
    ~ ca[0] << (-(ica + 1e-3)*PI*diam/(2*FARADAY))
    ~ ca[0] <-> ca[1] (2*DCa, 2*DCa)
    ~ ca[0] + pump <-> pumped (3, 0.02)
    ~ pumped -> (back)
    cai = ca[0]
    total = ca[0] + ca[1]
}
