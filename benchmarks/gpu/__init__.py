"""Models and measurements for the GPU; nothing here needs NEURON or data files."""
