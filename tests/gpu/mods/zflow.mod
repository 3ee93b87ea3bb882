: an ion of its own, without shells, that diffuses
NEURON { SUFFIX zflow  USEION zn READ izn WRITE zni VALENCE 1  RANGE D, source }
PARAMETER { D = 0.8 (um2/ms)  source = 0 }
ASSIGNED { diam (um) izn (mA/cm2) }
STATE { zni (mM) }
INITIAL { zni = 4 + source }
BREAKPOINT { SOLVE conc METHOD sparse }
KINETIC conc {
    COMPARTMENT 3.14159*diam*diam/4 {zni}
    LONGITUDINAL_DIFFUSION D*3.14159*diam*diam/4 {zni}
    ~ zni << (source*diam - izn*diam*3.14159*1e4/96485 - 0.01*diam*(zni - 4))
}
