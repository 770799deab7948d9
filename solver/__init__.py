"""Equilibrium on PETSc: problem, supports, loads, formulation, Newton, stepping, strain and stress, output."""
