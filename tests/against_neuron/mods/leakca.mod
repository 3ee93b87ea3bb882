NEURON { SUFFIX leakca  USEION ca READ eca WRITE ica  USEION nb READ enb, nbi WRITE inb VALENCE 1  RANGE g, gn }
PARAMETER { g = 1e-5  gn = 1e-4 }
ASSIGNED { v (mV) eca enb ica inb nbi }
BREAKPOINT { ica = g*(v-eca)/(1+exp(-(v+20)/5))  inb = gn*(v+10)*(nbi/5) }
