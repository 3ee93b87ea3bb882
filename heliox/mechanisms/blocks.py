"""Kinds and blocks of mechanisms, and the names that every block may read (docs/design.md, section 2)."""

from __future__ import annotations

KINDS = ("density", "point", "artificial", "ion")
BLOCKS = (
    "initial", "current", "conductance", "state", "receive", "receive_initial", "receive_each",
    "before_breakpoint", "before_step", "after_solve", "before_initial", "after_initial",
)  # fmt: skip
MOST_EFFECTS = 21  # of one call
EVENT_BLOCKS = ("receive", "receive_initial", "receive_each")  # what a connection runs
SCALARS = ("t", "dt", "celsius")
NODE = ("v", "area", "diam")
