: a GLOBAL set by a tabulated PROCEDURE outside its list; a loop counter that hides a variable; TABLE of a FUNCTION
NEURON { SUFFIX tabled NONSPECIFIC_CURRENT i RANGE n, g GLOBAL tadj, minf }
PARAMETER { q10 = 2.3 temp = 23 g = 1e-5 }
ASSIGNED { v i celsius tadj minf w[3] n }
BREAKPOINT {
    rates(v)
    weights()
    i = g*tadj*(minf + block(v))*(v + 70)
}
PROCEDURE rates(v) {
    TABLE minf DEPEND celsius, q10, temp FROM -100 TO 100 WITH 150
    tadj = q10^((celsius - temp)/10)
    minf = 1/(1 + exp(-(v + 50)/9))
}
FUNCTION block(v) {
    TABLE FROM -120 TO 80 WITH 99
    block = 1/(1 + exp(-0.062*v)/3.57)
}
PROCEDURE weights() {
    FROM i = 0 TO 2 { w[i] = i*2 }
    n = i + w[2]
}
