"""NMODL -> mechanisms: `translate` (text of a mod file to `MechTemp`) and `python_text` (to a readable
Python file).
"""

from heliox.nmodl.translate import python_text, translate

__all__ = ["python_text", "translate"]
