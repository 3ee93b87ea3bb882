NEURON { SUFFIX flow  USEION nb READ inb WRITE nbi VALENCE 1  RANGE D }
PARAMETER { D = 0.6 (um2/ms) }
ASSIGNED { diam (um) inb (mA/cm2) }
STATE { nbi (mM) }
INITIAL { nbi = 5 }
BREAKPOINT { SOLVE conc METHOD sparse }
KINETIC conc {
    COMPARTMENT 3.14159*diam*diam/4 {nbi}
    LONGITUDINAL_DIFFUSION D*3.14159*diam*diam/4 {nbi}
    ~ nbi << (-inb*diam*3.14159*1e4/96485 - 0.01*diam*(nbi-5))
}
