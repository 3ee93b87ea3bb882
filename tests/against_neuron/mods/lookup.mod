COMMENT
A table that is looked up inside a function, twice with different arguments.
ENDCOMMENT
NEURON { SUFFIX lookup  NONSPECIFIC_CURRENT i  RANGE g, gate }
PARAMETER { g = 1e-4 (S/cm2) }
ASSIGNED { v (mV) i (mA/cm2) gate }
STATE { m }
INITIAL { m = both(v) }
BREAKPOINT { SOLVE st METHOD cnexp  gate = both(v)  i = g*m*gate*(v + 80) }
DERIVATIVE st { m' = (both(v) - m)/3 }
FUNCTION both(v (mV)) { both = 0.5*(curve(v) + curve(v + 12)) }
FUNCTION curve(x (mV)) {
    TABLE FROM -120 TO 80 WITH 150
    curve = 1/(1 + exp(-(x + 40)/6))
}
