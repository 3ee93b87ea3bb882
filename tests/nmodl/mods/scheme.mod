: linear KINETIC with CONSERVE and STEADYSTATE
NEURON { SUFFIX scheme USEION k READ ek WRITE ik RANGE gbar, c1, c2, c3, o, g }
PARAMETER { gbar = 1e-3 q = 1 }
ASSIGNED { v ek ik g k12 k21 k23 k32 k3o ko3 }
STATE { c1 c2 c3 o }
INITIAL { SOLVE kin STEADYSTATE sparse }
BREAKPOINT { SOLVE kin METHOD sparse  g = gbar*o  ik = g*(v - ek) }
KINETIC kin {
    rates(v)
    ~ c1 <-> c2 (k12, k21)
    ~ c2 <-> c3 (k23, k32)
    ~ c3 <-> o (k3o, ko3)
    CONSERVE c1 + c2 + c3 + o = 1
}
PROCEDURE rates(v) {
    k12 = q*0.5*exp((v + 40)/20)
    k21 = q*0.4*exp(-(v + 40)/25)
    k23 = q*0.3
    k32 = q*0.2*exp(-(v + 60)/30)
    k3o = q*0.8/(1 + exp(-(v + 30)/8))
    ko3 = q*0.1
}
