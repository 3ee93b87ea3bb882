"""Writes the module of a plan whose step is made by kernels, for CUDA or, in the same form, for the CPU.

The mechanisms' functions, the receipt of events and the formulas are the texts of `heliox.kernels.codegen`'s
module; what differs is who works on what.
"""

from __future__ import annotations

from heliox.kernels import mechanism_text as mt
from heliox.kernels.condition_loop import conditions
from heliox.kernels.context import W
from heliox.kernels.diffusion_loop import diffusion
from heliox.kernels.event_loop import deliver, event
from heliox.kernels.step_kernels import StepKernels
from heliox.kernels.step_names import NEAR, own_columns

TYPES = {
    "_A": "float64[::1]", "_P": "float64[::1]", "_I": "int32[::1]", "_G": "int64[:, ::1]",
    "_QF": "float64[:, :, ::1]", "_QI": "int64[:, :, ::1]", "_QN": "int64[:, ::1]",
    "_SF": "float64[:, ::1]", "_SI": "int64[:, ::1]", "_FAN": "int64[::1]", "_CI": "int64[:, ::1]",
    "_SR": "int64[:, ::1]", "_R": "float64[:, ::1]", "_RA": "int64[:, ::1]", "_TP": "float64[::1]",
    "_LF": "float64[:, :, ::1]", "_LI": "int64[:, :, ::1]", "_T": "float64[::1]", "_EX": "int64[::1]",
    "_X": "float64[::1]", "_K": "int32[::1]", "_H": "int64[:, ::1]", "_CTL": "int64[::1]",
    "_TT": "int32[:, ::1]", "_SC": "float64[:, ::1]", "_PF": "float64[:, :, ::1]",
    "_PI": "int64[:, :, ::1]", "_PN": "int32[:, ::1]", "_PULLED": "int64[:, ::1]", "_TF": "int64[::1]",
    "_TC": "int64[:, ::1]", "_FC": "int64[::1]", "_chunks": "int64", "_room": "int64", "_from": "int64",
    "_leads": "int64", "_wide": "int64", "_members": "int64", "_last": "int64",
    "_dt": "float64", "_limit": "float64", "_B": "float64[::1]", "_RB": "float64[:, ::1]",
    "_SB": "float64[:, ::1]", "_SP": "int64[:, ::1]", "_RV": "int64[:, ::1]", "_RC": "int64[::1]",
    "_width": "float64", "_kind": "int64", "_VI": "float64[:, ::1]",
}  # fmt: skip
_HEADERS = {
    "cuda": "from heliox.kernels import fixed\n"
    "from heliox.kernels.cuda import U, inline, kernel, np as _np, toolkit as _cuda\n\n"
    "globals().update(fixed.cuda())\n_U = U\n",
    "cpu": "from heliox.kernels import fixed\n"
    "from heliox.kernels.cpu import U, entry, inline, kernel, np as _np\n\n"
    "globals().update(fixed.stepwise())\n_U = U\n",
}


NEAR_KERNELS = ("solve", "solve_only", "solve_again", "solve_transposed")


def names(signature: str) -> list[str]:
    """Names of a kernel's arguments."""
    return signature.split(", ")


def module_text(kernels: StepKernels, target: str) -> str:
    """The text of the module: kernels for ``"cuda"``, or for ``"cpu"``, where they take the grid as well."""
    program, context = kernels.program, kernels.context
    mechanisms = " ".join(m.template.name for m in program.mechanisms)
    parts = [
        f"# heliox generated: {target} kernels, math={program.math}, secondorder={program.secondorder}, "
        f"mechanisms: {mechanisms}\n{_HEADERS[target]}",
        "".join(f"_{n} = {k}\n" for n, k in program.columns.items()),
        "".join(f"_{n} = {k}\n" for n, k in own_columns(program).items()),
    ]
    for m in program.mechanisms:
        parts.append(mt.slots(m, W))
        if m.template.name == "capacitance":
            continue
        parts += mt.functions(m)
        parts += [diffusion(context, m, x) for x in m.template.diffusion]
        parts += [event(context, m, b) for b in m.template.functions if b in ("receive", "receive_initial")]
    parts.append(conditions(context))
    parts.append(deliver(context))
    parts += kernels.texts()
    entries = kernels.signatures() | kernels.groups.measured() | kernels.initial.signatures()
    entries |= kernels.backwards()
    parts += [_entry(n, s, target) for n, s in entries.items()]
    return "\n\n".join(p.rstrip() for p in parts) + "\n"


def _entry(name: str, signature: str, target: str) -> str:
    """What is launched; `solve` has memory that the threads of a block share, ``_near`` numbers of it."""
    near = name in NEAR_KERNELS
    more = f", {NEAR}" if near else ""
    if target == "cuda":
        place = "_cuda.blockIdx.x, _cuda.blockIdx.y, _cuda.threadIdx.x, _cuda.blockDim.x"
        lines = [f"def {name}({signature}):"]
        if near:
            lines += [
                "    _S = _cuda.shared.array(0, _np.float64)",
                "    _J = _cuda.shared.array(0, _np.int16)",
            ]
        return "\n".join([*lines, f"    {name}_block({signature}, {place}{more})"])
    lines = ["@entry", f"def {name}({signature}, _columns, _rows, _near, _lanes, _turned):"]
    if near:
        lines += ["    _S = _np.zeros(_near)", "    _J = _np.zeros(4 * _near, _np.int16)"]
    lines += [
        "    for _by in range(_rows):",
        "        for _k in range(_columns):",
        "            _bx = _columns - 1 - _k if _turned else _k",
    ]
    if "_TT" not in names(signature):  # threads of a block meet: here it has one
        return "\n".join([*lines, f"            {name}_block({signature}, _bx, _by, 0, 1{more})"])
    return "\n".join(
        [
            *lines,
            "            for _l in range(_lanes):",
            "                _lane = _lanes - 1 - _l if _turned else _l",
            f"                {name}_block({signature}, _bx, _by, _lane, _lanes)",
        ]
    )
