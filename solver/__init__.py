"""Equilibrium on PETSc: problem, supports, loads, formulation, Newton, stepping, strain and stress, output."""

import fibertwin.stack  # noqa: F401

from .fields import Fields, Measure, fields
from .loads import DeadTraction, FollowerPressure, Load
from .output import write_fields
from .problem import Displacement, Formulation, Problem, Stepping, TaylorHood
from .solution import Outcome, Solution, Step
from .solve import require, solve
from .supports import Clamp, PrescribedDisplacement, Retractor, Support

__all__ = [
    "Clamp",
    "DeadTraction",
    "Displacement",
    "Fields",
    "FollowerPressure",
    "Formulation",
    "Load",
    "Measure",
    "Outcome",
    "PrescribedDisplacement",
    "Problem",
    "Retractor",
    "Solution",
    "Step",
    "Stepping",
    "Support",
    "TaylorHood",
    "fields",
    "require",
    "solve",
    "write_fields",
]
