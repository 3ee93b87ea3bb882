"""Results: spikes, recordings, snapshots, their files; progress."""

from heliox.record.results import load_results

__all__ = ["load_results"]
