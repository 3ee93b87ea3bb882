NEURON { SUFFIX algebra NONSPECIFIC_CURRENT i RANGE p, q, r, u, w, g }
PARAMETER { g = 1e-4 }
ASSIGNED { v i }
STATE { p q r u w }
INITIAL { u = 0.5 w = 0.5 SOLVE lin SOLVE non }
BREAKPOINT { SOLVE lin SOLVE non i = g*(p + q - r + u)*(v + 60) }
LINEAR lin {
    ~ p + 0.2*q - r = v/50
    ~ 3*p - q*(5 - v/100) = 1 + r
    ~ 0.1*p + q + 2*r = 2
}
NONLINEAR non {
    ~ u*u + w = 1.5
    ~ u - w*w*w = v/200
}
