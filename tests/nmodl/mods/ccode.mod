TITLE statements of C between those of NMODL

NEURON {
    SUFFIX ccode
    RANGE total, rounds, parity, chosen, polynomial, early
}

VERBATIM
#include <math.h>
#define HALF 0.5
static double horner(double x) {
    static double c[4] = {1.0, -0.5, 0.25, 2.0e-3};
    double sum = 0;
    int k;
    for (k = 3; k >= 0; k--) {
        sum = sum * x + c[k];
    }
    return sum;
}
ENDVERBATIM

PARAMETER { rate = 0.3 }
ASSIGNED { v (mV) total rounds parity chosen polynomial early }

INITIAL {
    total = 0
    rounds = 0
}

BREAKPOINT {
    SOLVE advance
}

PROCEDURE advance() {
    polynomial = shifted(v)
    early = until(v)
VERBATIM
    {
        int k, whole;
        double part;
        whole = (int) (v * HALF);
        part = v > -40. ? v + 40. : -v;   /* a choice */
        for (k = 0; k < 4; k++) {
            total += k * part * rate;
        }
        do {
            part -= 7.5;
            rounds++;
        } while (part > 0.);
        parity = whole % 2;
        switch (whole) {
            case -10: chosen = 1; break;
            case -11: chosen = 2; break;
            default: chosen = 3;
        }
        if (rounds > 50) {
ENDVERBATIM
            rounds = rounds - 50
VERBATIM
        } else if (rounds > 1e6) {
            hoc_execerror("never", 0);
        }
    }
    return 0;
ENDVERBATIM
}

FUNCTION shifted(x) {
VERBATIM
#if NRN_VERSION_LT(9, 0, 0)
    return 0.;
#else
    _lshifted = sum_of(_threadargscomma_ _lx / 100., HALF);
#endif
ENDVERBATIM
}

FUNCTION sum_of(x, y) {
VERBATIM
    double z = pow(_lx, 3.) + exp(-_ly);
    return z + fabs(horner(_lx));
ENDVERBATIM
}

FUNCTION until(x) {
    LOCAL n
    n = 0
    while (n < 20) {
        n = n + 1
VERBATIM
        if (_ln * 6. > -_lx) {
            return _ln;
        }
ENDVERBATIM
    }
    until = -1
}
