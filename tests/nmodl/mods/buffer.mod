: nonlinear KINETIC: buffered calcium in shells, COMPARTMENT, flux, FROM loop, ion STATE
NEURON { SUFFIX buffer USEION ca READ ica, cai WRITE cai RANGE total, influx }
DEFINE NS 3
UNITS { FARADAY = (faraday) (kilocoulombs) PI = (pi) (1) }
PARAMETER { kf = 50 kb = 0.5 d = 0.2 buf0 = 0.05 pump = 0.2 }
ASSIGNED { ica cai diam vol[NS] total influx }
STATE { ca[NS] buf[NS] bound[NS] }
INITIAL { LOCAL i0
    FROM i = 0 TO NS-1 {
        vol[i] = PI*diam*diam/4/(i + 1)
        ca[i] = cai
        buf[i] = buf0*kb/(kb + kf*cai)
        bound[i] = buf0 - buf[i]
    }
    i0 = 0
}
BREAKPOINT { SOLVE shells METHOD sparse }
KINETIC shells {
    COMPARTMENT i, vol[i] {ca buf bound}
    ~ ca[0] << (-ica*PI*diam*1e-4/(2*FARADAY))
    FROM i = 0 TO NS-2 { ~ ca[i] <-> ca[i+1] (d, d) }
    FROM i = 0 TO NS-1 { ~ ca[i] + buf[i] <-> bound[i] (kf*vol[i], kb*vol[i]) }
    ~ ca[0] -> (pump)
    influx = f_flux - b_flux
    cai = ca[0]
    total = ca[0] + bound[0]
}
