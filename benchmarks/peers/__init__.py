"""HelioX beside Arbor, Jaxley and CoreNEURON: `python -m benchmarks.peers`."""
