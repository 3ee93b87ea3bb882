"""Training on MNIST: accuracy, curves, seconds."""
