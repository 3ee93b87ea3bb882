"""HelioX: morphologically detailed neurons, simulated and trained on CPU and GPU, in Python."""
