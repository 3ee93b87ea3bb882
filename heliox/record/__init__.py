"""Results: spikes, recordings, progress."""
