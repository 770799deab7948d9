"""Strain-energy laws: one frozen dataclass, one energy. UFL only, no mesh, no PETSc."""
