"""Many runs of one model: members that are protocols times parameter sets."""

from heliox.explore.members import Members

__all__ = ["Members"]
