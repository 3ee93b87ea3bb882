TITLE states advanced by a PROCEDURE, shared memory between blocks, loops
NEURON { SUFFIX legacy NONSPECIFIC_CURRENT i RANGE g, x, total, count, odd GLOBAL fac, last }
DEFINE N 4
PARAMETER { g = 2e-4 erev = -70 vhalf = -50 k0 = 9 dt }
ASSIGNED { v i fac inf tau celsius total count w[N] odd last }
STATE { x START 0.25 }
LOCAL q
INITIAL {
    q = 2^((celsius - 20)/10)
    settables(v)
    x = inf
    FROM j = 0 TO N-1 { w[j] = 1/(j + 1) }
}
BREAKPOINT { LOCAL s
    SOLVE forward
    s = 0
    FROM j = 0 TO N-1 { s = s + w[j]*x^(j+1) }
    total = s
    if (v > -40 && !(x > 0.5) || v < -100) { odd = 1 } else if (v) { odd = v > -60 } else { odd = -(v < 3) }
    i = g*s*(v - erev)
    last = v
}
PROCEDURE forward() {
    settables(v)
    x = x + fac*(inf - x)
    count = iterate(10)
}
PROCEDURE settables(v) { LOCAL e
    e = exp(-(v - vhalf)/k0)
    inf = 1/(1 + e)
    tau = (1 + 4*e/(1 + e)^2)/q
    fac = 1 - exp(-dt/tau)
}
FUNCTION iterate(top) { LOCAL y
    y = 1
    iterate = 0
    while (y < top*x + 1) {
        y = y*1.5
        iterate = iterate + 1
    }
}
