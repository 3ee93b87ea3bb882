"""Figures: traces, rasters, shapes, schedules, training.

They take arrays, or what has the attributes of HelioX's results. This is the only room that imports
matplotlib.
"""

from heliox.plot.axes import COLOURS
from heliox.plot.cable import shape
from heliox.plot.order import schedule
from heliox.plot.page import overview
from heliox.plot.spike import raster
from heliox.plot.trace import traces
from heliox.plot.training import confusion, learning

__all__ = ["COLOURS", "confusion", "learning", "overview", "raster", "schedule", "shape", "traces"]
