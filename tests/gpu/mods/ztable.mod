: a table inside a function, looked up twice, and a global that every instance sets
NEURON { SUFFIX ztable  NONSPECIFIC_CURRENT i  RANGE g, seen  GLOBAL shared }
PARAMETER { g = 2e-4 (S/cm2) }
ASSIGNED { v (mV) i (mA/cm2) seen shared }
STATE { m }
INITIAL { m = mean(v)  shared = 2 }
BREAKPOINT { SOLVE st METHOD cnexp  seen = mean(v)*shared  i = g*m*seen*(v + 75) }
DERIVATIVE st { m' = (mean(v) - m)/2.5 }
FUNCTION mean(v (mV)) { mean = 0.5*(curve(v) + curve(v + 15)) }
FUNCTION curve(x (mV)) {
    TABLE FROM -130 TO 90 WITH 110
    curve = 1/(1 + exp(-(x + 42)/7))
}
