: a potassium channel of five states, linear KINETIC with CONSERVE, begun at its steady state
NEURON {
    SUFFIX zscheme
    USEION k READ ek WRITE ik
    RANGE gbar, c0, c1, c2, o, blocked, g
}
PARAMETER { gbar = 0.004 (S/cm2)  fast = 1.2 }
ASSIGNED { v (mV) ek (mV) ik (mA/cm2) g (S/cm2) up down }
STATE { c0 c1 c2 o blocked }
INITIAL { SOLVE steps STEADYSTATE sparse }
BREAKPOINT { SOLVE steps METHOD sparse  g = gbar*o  ik = g*(v - ek) }
KINETIC steps {
    rates(v)
    ~ c0 <-> c1 (3*up, down)
    ~ c1 <-> c2 (2*up, 2*down)
    ~ c2 <-> o (up, 3*down)
    ~ o <-> blocked (0.05, 0.01)
    CONSERVE c0 + c1 + c2 + o + blocked = 1
}
PROCEDURE rates(v (mV)) {
    up = fast*0.15*exp((v + 30)/25)
    down = fast*0.1*exp(-(v + 45)/30)
}
