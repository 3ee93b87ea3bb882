"""WHAT is simulated: frozen arrays, their names, their file. NumPy only (h5py in `store`)."""
