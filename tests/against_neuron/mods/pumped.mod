COMMENT
A current that is set where a state is solved, remembered by each instance, and read again in other blocks:
without READ in USEION it is the instance's own, not the pool's total. States start from y0, a GLOBAL, and x0,
which an array shares.
ENDCOMMENT
NEURON {
    SUFFIX pumped
    USEION k READ ek WRITE ik
    RANGE q, share, sum, x0
    GLOBAL y0
}
PARAMETER { y0 = 0.4 x0 = 0.3 rate = 1e-6 }
ASSIGNED { v ek ik share sum }
STATE { q y x[2] }
INITIAL {
    q = 0
    sum = 0
    ik = 2e-4
}
BREAKPOINT {
    SOLVE s METHOD cnexp
    share = 0.5*ik + 0.5*share
}
DERIVATIVE s {
    ik = 2e-4*y + rate*(v - ek)
    q' = 100*ik - q
    y' = -0.01*y
}
AFTER SOLVE {
    sum = sum + ik
    x[1] = 0.999*x[1]
}
