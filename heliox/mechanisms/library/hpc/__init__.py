"""Channels of the human layer-2/3 pyramidal cell of Eyal et al. 2018 that the L5PC family does not have."""
