: a point process with an ion current, whose size follows the area and diameter of its segment; CONDUCTANCE
NEURON { POINT_PROCESS inflow USEION ca READ eca WRITE ica RANGE g, ica, taken NONSPECIFIC_CURRENT i }
PARAMETER { g = 0.0004 (uS) p = 0.01 }
ASSIGNED { v (mV) eca (mV) ica (nA) i (nA) area (um2) diam (um) taken }
INITIAL { taken = 0.0001*diam }
BREAKPOINT {
    ica = g*(1 + 0.001*area)*(v - eca)/(1 + exp(-0.05*(v + 40)))
    i = taken*(v + 70)*p*diam
}
