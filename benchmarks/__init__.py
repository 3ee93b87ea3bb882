"""HelioX beside its peers on the same models. ``python -m benchmarks.cpu`` writes benchmarks/results."""
