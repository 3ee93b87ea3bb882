"""Ready cells and circuits: cells under construction, to stimulate, to change, to put into networks.

The layer-5b pyramidal cell, the human layer-2/3 cell and the worm need data files, which HelioX does not
bring along: every builder takes their path, or finds them in the folder that the environment variable
HELIOX_DATA names.
"""

from heliox.cells.demo import ball_and_stick, ring
from heliox.cells.layer5 import l5pc
from heliox.cells.layer23 import hpc
from heliox.cells.worm import worm_cell, worm_circuit

__all__ = ["ball_and_stick", "hpc", "l5pc", "ring", "worm_cell", "worm_circuit"]
