"""Channels, calcium and connections of the C. elegans neurons of Zhao et al. 2024 (BAAIWorm).

Most constants are those of Nicoletti et al. 2019 (PLoS ONE 14:e0218738). Conductances act as S/cm2 and
currents as mA/cm2, whatever unit the sources print. Nothing depends on temperature, and all reversal
potentials but that of kqt3 are constants.
"""
