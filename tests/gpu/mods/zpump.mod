: point processes of one segment that all write its concentration, one after the other
NEURON { POINT_PROCESS ZPump  USEION ca READ cai WRITE cai, ica  RANGE rate, share }
PARAMETER { rate = 0.02  share = 0.1 }
ASSIGNED { cai (mM) ica (mA/cm2) v (mV) seen }
INITIAL { seen = cai }
BREAKPOINT { SOLVE pump  ica = 1e-4*share*seen }
PROCEDURE pump() { cai = cai + rate*(3e-4*(1 + share) - cai)  seen = cai }
