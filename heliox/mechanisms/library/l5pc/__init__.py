"""Channels of the layer-5b pyramidal cell of Hay et al. 2011 (PLoS Comput Biol 7:e1002107).

Variables have their published names. Rates were measured at 21 degC and are brought to 34 degC by
the constant `Q`; nothing here reads celsius. Where a rate is 0/0 the voltage is raised by 0.0001 mV for the
rest of the evaluation, as published.
"""
