"""Equilibrium on PETSc: problem, supports, loads, formulation, Newton, stepping, strain and stress, output."""

import fibertwin.stack  # noqa: F401

from .cavities import CavityState
from .checkpoint import Checkpoint, Checkpointing, Keeper, read_checkpoint
from .circuits import Circuit, Flow, Valve, Windkessel
from .fields import Fields, Measure, fields
from .loads import (
    BodyForce,
    Cavity,
    DeadTraction,
    FollowerPressure,
    ForceOnArea,
    Gravity,
    Load,
    SurfaceLoad,
    VolumeLoad,
)
from .output import functions, write_fields
from .problem import Displacement, Formulation, Problem, Stepping, TaylorHood
from .series import Collection, Series
from .solution import Balance, Outcome, Solution, Step
from .solve import require, solve
from .supports import (
    Clamp,
    NormalDisplacement,
    PrescribedDisplacement,
    Retractor,
    RigidMotion,
    Springs,
    Support,
    SymmetryPlane,
)
from .unload import Unload, Unloaded, unload
from .warming import warm

__all__ = [
    "Balance",
    "BodyForce",
    "Cavity",
    "CavityState",
    "Checkpoint",
    "Checkpointing",
    "Circuit",
    "Clamp",
    "Collection",
    "DeadTraction",
    "Displacement",
    "Fields",
    "Flow",
    "FollowerPressure",
    "ForceOnArea",
    "Formulation",
    "Gravity",
    "Keeper",
    "Load",
    "Measure",
    "NormalDisplacement",
    "Outcome",
    "PrescribedDisplacement",
    "Problem",
    "Retractor",
    "RigidMotion",
    "Series",
    "Solution",
    "Springs",
    "Step",
    "Stepping",
    "Support",
    "SurfaceLoad",
    "SymmetryPlane",
    "TaylorHood",
    "Unload",
    "Unloaded",
    "Valve",
    "VolumeLoad",
    "Windkessel",
    "fields",
    "functions",
    "read_checkpoint",
    "require",
    "solve",
    "unload",
    "warm",
    "write_fields",
]
