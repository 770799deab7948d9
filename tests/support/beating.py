"""An eighth of a ball that beats: the smallest ventricle, of linear elements."""

from mpi4py import MPI

from fibertwin.constitutive import ActiveStress, Material, NeoHookean
from fibertwin.curve import Curve
from fibertwin.meshes import ThickSphere, uniform_fibers
from fibertwin.solver import Cavity, Displacement, Problem, Stepping, SymmetryPlane, Valve, Windkessel

END = 0.8
STEPS = Stepping(end=END, first=0.05, largest=0.05, smallest=1e-3, tolerance=1e-12)
VALVE = Valve(4e-6)
EIGHTH = Windkessel(1.2, VALVE, VALVE, 1e-3, 1.4e3, 8.0, impedance=5e-5)
"""An eighth of the circulation of an adult."""
CONTRACTS = Curve((0.0, 0.24, 0.32, 0.4, 0.56), (0.0, 0.0, 1.0, 1.0, 0.0))


def ventricle(comm: MPI.Comm, circuit: Windkessel = EIGHTH, curve: Curve | None = None, **cavity) -> Problem:
    """An eighth of a soft ball around 65 mL, whose wall pulls in all directions alike."""
    body = ThickSphere(25.0, 35.0, (1, 2), "octant", curved=False).build(comm)
    pulls = ActiveStress(40.0, transverse=1.0, curve=CONTRACTS)
    material = Material((NeoHookean(2.0), pulls), 200.0)
    held = {name: SymmetryPlane(f"symmetry-{name}") for name in "xyz"}
    loads = {"lv": Cavity("inner", center=(0.0, 0.0, 0.0), curve=curve, **(cavity or {"circuit": circuit}))}
    fibers = uniform_fibers(body.mesh, 2)
    formulation = Displacement(1)
    return Problem(body, {"tissue": material}, held, loads, fibers, formulation, quadrature_degree=2)
