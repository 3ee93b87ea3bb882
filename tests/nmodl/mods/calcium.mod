NEURON {
    SUFFIX calcium
    USEION ca READ eca, cai, cao WRITE ica
    RANGE pbar, ghkcurrent, gmax
}
UNITS {
    (molar) = (1/liter)
    (mM) = (millimolar)
    FARADAY = (faraday) (coulomb)
    R = (k-mole) (joule/degC)
    KTOMV = .0853 (mV/degC)
}
PARAMETER { pbar = 2e-4 (cm/s)  gmax = 1e-4  ki = .001 (mM) tfa = 1 }
ASSIGNED { v (mV) celsius eca cai (mM) cao (mM) ica (mA/cm2) ghkcurrent minf tau }
STATE { m }
BREAKPOINT {
    SOLVE advance METHOD cnexp
    ghkcurrent = pbar*m*m*h2(cai)*ghk(v, cai, cao)
    ica = ghkcurrent + gmax*m*(v - eca)
}
DERIVATIVE advance {
    rate(v)
    m' = (minf - m)/tau
}
INITIAL { rate(v) m = minf }
FUNCTION h2(cai (mM)) { h2 = ki/(ki + cai) }
FUNCTION ghk(v (mV), ci (mM), co (mM)) {
    LOCAL nu, f
    f = KTF(celsius)/2
    nu = v/f
    ghk = -f*(1. - (ci/co)*exp(nu))*efun(nu)
}
FUNCTION KTF(celsius (degC)) (mV) { KTF = (25./293.15)*(celsius + 273.15) }
FUNCTION efun(z) {
    if (fabs(z) < 1e-4) { efun = 1 - z/2 } else { efun = z/(exp(z) - 1) }
}
FUNCTION alp(v) { alp = 15.69*(-1.0*v + 81.5)/(exp((-1.0*v + 81.5)/10.0) - 1.0) }
FUNCTION bet(v) { bet = 0.29*exp(-v/10.86) }
PROCEDURE rate(v (mV)) { LOCAL a
    a = alp(v)
    tau = 1/(tfa*(a + bet(v)))
    minf = tfa*a*tau
}
