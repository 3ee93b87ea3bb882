"""Cost of gradients, and agreement with those of a peer."""
