: a time constant that hoc gives as a table
NEURON {
    SUFFIX tabular
    RANGE m
}
ASSIGNED { v }
STATE { m }
INITIAL { m = 0.1 }
BREAKPOINT { SOLVE s METHOD cnexp }
DERIVATIVE s { m' = (1/(1 + exp(-(v + 40)/8)) - m)/tau(v) }
FUNCTION_TABLE tau(v)
