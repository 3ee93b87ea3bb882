"""Ways to a frozen model from outside: a live NEURON session, and what stands in its way."""
