"""Functions NMODL knows: what becomes of each, and what to write instead of those that cannot be
translated.
"""

from __future__ import annotations

from heliox.nmodl.ir import Binary, Call, Expr, Name, Num

SAME = frozenset(
    "exp log log10 sqrt sin cos tan asin acos atan atan2 sinh cosh tanh fabs floor ceil fmod pow".split()
)
ARGUMENTS = {"atan2": 2, "fmod": 2, "pow": 2}
RANDOM = {
    "random_uniform": ("random_uniform", (1, 3)),
    "random_negexp": ("random_negexp", (1, 2)),
    "random_normal": ("random_normal", (1, 3)),
    "random_ipick": ("random_ipick", (1,)),
    "random_setseq": ("random_set_seq", (2,)),
}
EFFECTS = {"net_send": 2, "net_send_at": 2, "net_event": 1, "net_move": 1}
DROPPED = frozenset(("printf", "prterr", "nrn_random_play"))
SPECIAL = frozenset(("at_time", "state_discontinuity", "nrn_ghk", "nrn_pointing"))
LEGACY = {
    "scop_random": ("random_uniform", 0),
    "exprand": ("random_negexp", 1),
    "normrand": ("random_normal", 2),
    "gauss": ("random_normal", 2),
}
_ONE_FOR_ALL = (
    "it draws from the one generator of the process, so numbers would depend on the order of instances; "
    "declare RANDOM r in NEURON and call random_uniform(r), random_normal(r, mean, std) or "
    "random_negexp(r, mean)"
)
REFUSED = {
    **{
        name: _ONE_FOR_ALL + f', or give each instance a stream: translate(..., draws={{"{name}": "noise"}})'
        for name in (*LEGACY, "set_seed")
    },
    **dict.fromkeys(("poisrand", "poisson", "setseed"), _ONE_FOR_ALL),
    "random_dpick": "call random_uniform(r)",
    "random_setids": "set the ids of the stream from Python",
    "abs": "NMODL has fabs",
    "erf": "write it as a FUNCTION (for example the rational approximation of Abramowitz and Stegun 7.1.26)",
    **dict.fromkeys(
        "threshold force deflate expfit derivs spline hyperbol revhyperbol sigmoid revsigmoid harmonic "
        "squarewave sawtooth revsawtooth "
        "ramp pulse perpulse step perstep factorial boundary romberg legendre invert stepforce schedule "
        "first_time error "
        "f_flux b_flux".split(),
        "write it as a FUNCTION of this file",
    ),
}
KNOWN = SAME | set(RANDOM) | set(EFFECTS) - {"net_send_at"} | DROPPED | SPECIAL


def at_time(te: Expr, at: int) -> Expr:
    """True in the step that ends at or just after `te`."""
    x = Binary("-", te, Num("1e-11"), at)
    return Binary(
        "&&", Binary("<=", x, Name("t"), at), Binary(">", x, Binary("-", Name("t"), Name("dt")), at), at
    )


def sent(call: Call) -> Call:
    """`net_send` as NEURON writes it, ``t + `` before the text of the delay: terms of a sum one by one."""

    def after(e: Expr) -> Binary:
        if isinstance(e, Binary) and e.op in "+-" and not e.closed:
            return Binary(e.op, after(e.a), e.b, e.at)
        return Binary("+", Name("t", call.at), e, call.at)

    delay, flag = call.args
    time = after(delay)
    return call if time.b is delay else Call("net_send_at", (time, flag), call.at)


def ghk(args: tuple[Expr, ...], at: int) -> Expr:
    return Call("ghk", (*args, Name("celsius", at)), at)
