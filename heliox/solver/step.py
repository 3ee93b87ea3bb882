"""One time step, and initialization, as lists of named phases (docs/design.md, section 4).

They are NEURON's fadvance and finitialize. The generator walks these lists; each name is a function of the
generated module, or a loop over the mechanisms that have that block.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """A phase: its name, what it reads and writes, and its adjoint in the reverse pass.

    An `adjoint` of ``""`` means that none is needed, ``None`` that the phase is not differentiable.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    adjoint: str | None = ""


STEP = (
    Phase("detect", ("watched", "above"), ("above", "spikes", "queue"), "surrogate"),
    Phase("deliver_half", ("queue",), ("states", "weights", "v", "queue", "spikes"), "receive_vjp"),
    Phase("advance_half", ("t",), ("t",)),
    Phase("play", ("t", "tables"), ("played",), "play_vjp"),
    Phase("tape", ("anything",), ("tape",)),
    Phase("clear", ("v", "a", "b"), ("rhs", "d"), "axial_vjp"),
    Phase("before_breakpoint", ("states", "v"), ("states",), None),
    Phase("current", ("v", "states", "parameters", "ions"), ("rhs", "d", "ions", "assigned"), "current_vjp"),
    Phase("capacitance", ("cm",), ("d",), "capacitance_vjp"),
    Phase("save_membrane", ("rhs", "d"), ("i_membrane_",), None),
    Phase("axial", ("v", "a", "b"), ("rhs",), "axial_vjp"),
    Phase("couple", ("a", "b"), ("d",), "couple_vjp"),
    Phase("eliminate", ("a", "b", "d", "rhs"), ("d", "rhs"), "transposed_solve"),
    Phase("substitute", ("b", "d", "rhs"), ("rhs",), "transposed_solve"),
    Phase("correct_ions", ("ions", "rhs"), ("ions",), "correct_ions_vjp"),
    Phase("update", ("rhs",), ("v",), "update_vjp"),
    Phase("after_update", ("cm", "rhs"), ("i_cap", "i_membrane_"), "after_update_vjp"),
    Phase("lay_sources", ("sources",), ("shelf",), "lay_sources_vjp"),
    Phase("take_targets", ("shelf",), ("targets",), "take_targets_vjp"),
    Phase("advance_half", ("t",), ("t",)),
    Phase("play", ("t", "tables"), ("played",), "play_vjp"),
    Phase("state", ("v", "states", "parameters", "ions"), ("states", "ions"), "state_vjp"),
    Phase("diffuse", ("states", "ions", "parameters"), ("states", "ions"), None),
    Phase("after_solve", ("states",), ("states",), None),
    Phase("before_step", ("states",), ("states",), None),
    Phase("record", ("anything",), ("records",), "record_vjp"),
    Phase("deliver_now", ("queue",), ("states", "weights", "v", "queue", "spikes"), "receive_vjp"),
)

# of the step: what a group does before and after all groups have laid their sources on the shelf
CUT = next(k for k, phase in enumerate(STEP) if phase.name == "take_targets")
# finitialize: INITIAL blocks of all groups; events that are due at once, with their exchange; then SETTLE
INITIALIZE = ("take_targets", "before_initial", "initial", "connections", "after_initial")
SETTLE = (
    "clear", "before_breakpoint", "current", "capacitance", "save_membrane", "axial",
    "couple", "initial_membrane", "before_step", "deliver_now",
)  # fmt: skip
