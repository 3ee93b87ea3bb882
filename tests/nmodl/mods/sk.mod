NEURON { SUFFIX sk USEION k READ ek WRITE ik USEION ca READ cai RANGE gbar, z, ik }
PARAMETER { gbar = 1e-4 zTau = 1 v ek cai = 9 (mM) }
ASSIGNED { zInf ik }
STATE { z }
BREAKPOINT { SOLVE states METHOD cnexp  ik = gbar*z*(v - ek) }
DERIVATIVE states { rates(cai) z' = (zInf - z)/zTau }
PROCEDURE rates(ca) { if (ca < 1e-7) { ca = ca + 1e-07 } zInf = 1/(1 + (0.00043/ca)^4.8) }
INITIAL { rates(cai) z = zInf }
