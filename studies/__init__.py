"""Many runs of one case: samples, engines, journal, table, sensitivity, report."""

from .journal import Journal, Row
from .plan import Sweep, read_sweep
from .sweeping import sweep

__all__ = ["Journal", "Row", "Sweep", "read_sweep", "sweep"]
