: two exponentials with depression in the connection, self events, ELECTRODE-free point process
NEURON { POINT_PROCESS syn RANGE tau1, tau2, e, i, g, hits NONSPECIFIC_CURRENT i }
PARAMETER { tau1 = 0.5 tau2 = 5 e = 0 tau_rec = 100 mg = 1 }
ASSIGNED { v i g factor hits }
STATE { A B }
INITIAL { LOCAL tp
    A = 0 B = 0 hits = 0
    tp = (tau1*tau2)/(tau2 - tau1)*log(tau2/tau1)
    factor = -exp(-tp/tau1) + exp(-tp/tau2)
    factor = 1/factor
}
BREAKPOINT {
    SOLVE state METHOD cnexp
    g = B - A
    i = g*mgblock(v)*(v - e)
}
DERIVATIVE state { A' = -A/tau1 B' = -B/tau2 }
FUNCTION mgblock(v) { mgblock = 1/(1 + exp(0.062*-v)*(mg/3.57)) }
NET_RECEIVE(w, R, tlast (ms)) {
    INITIAL { R = 1 tlast = t }
    if (flag == 0) {
        R = 1 - (1 - R)*exp(-(t - tlast)/tau_rec)
        A = A + w*factor*R
        state_discontinuity(B, B + w*factor*R)
        R = R*0.6
        tlast = t
        net_send(1.3, 2)
    } else {
        hits = hits + 1
        if (hits > 2) { v = v + 0.5 }
    }
}
