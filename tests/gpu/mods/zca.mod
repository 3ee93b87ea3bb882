: a calcium channel with the GHK current, and a potassium channel that its calcium opens
NEURON {
    SUFFIX zca
    USEION ca READ cai, cao WRITE ica
    USEION k READ ek WRITE ik
    RANGE pbar, gk, m, h, n
    GLOBAL half
}
UNITS { FARADAY = (faraday) (coulomb)  R = (k-mole) (joule/degC) }
PARAMETER { pbar = 3e-5 (cm/s)  gk = 0.003 (S/cm2)  half = 3e-4 (mM) }
ASSIGNED { v (mV) celsius (degC) cai (mM) cao (mM) ica (mA/cm2) ek (mV) ik (mA/cm2) minf mtau (ms) hinf }
STATE { m h n }
INITIAL { gates(v)  m = minf  h = hinf  n = cai/(cai + half) }
BREAKPOINT {
    SOLVE states METHOD cnexp
    ica = pbar*m*m*h*ghk(v, cai, cao)
    ik = gk*n*n*(v - ek)
}
DERIVATIVE states {
    gates(v)
    m' = (minf - m)/mtau
    h' = (hinf - h)/30
    n' = (cai/(cai + half) - n)/4
}
PROCEDURE gates(v (mV)) {
    TABLE minf, mtau, hinf DEPEND celsius FROM -120 TO 80 WITH 200
    minf = 1/(1 + exp(-(v + 30)/7))
    mtau = 0.5 + 6/(1 + exp((v + 40)/9))
    hinf = 1/(1 + exp((v + 55)/8))
    mtau = mtau/2.3^((celsius - 24)/10)
}
FUNCTION ghk(v (mV), ci (mM), co (mM)) {
    LOCAL z
    z = (1e-3)*2*FARADAY*v/(R*(celsius + 273.15))
    ghk = (.001)*2*FARADAY*(ci*efun(-z) - co*efun(z))
}
FUNCTION efun(z) {
    if (fabs(z) < 1e-4) { efun = 1 - z/2 } else { efun = z/(exp(z) - 1) }
}
