"""The torture set: problems that solvers stumble over, as data."""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, radians
from typing import Literal

import numpy as np
from _bodies import (
    ELEMENTS,
    REINFORCED,
    SYMMETRY,
    aligned,
    around,
    bar,
    cube,
    dispersed,
    flattened,
    inverted,
    named,
    pulled,
    rolled,
    scattered,
    shell,
)
from mpi4py import MPI

from fibertwin.constitutive import (
    ActiveStrain,
    ActiveStress,
    Guccione,
    HolzapfelGasserOgden,
    Material,
    NeoHookean,
    Ogden,
    SaintVenantKirchhoff,
)
from fibertwin.curve import Curve
from fibertwin.meshes import Anatomy, ThickSphere, ThickTube, TruncatedEllipsoid
from fibertwin.solver import (
    Cavity,
    Clamp,
    DeadTraction,
    Displacement,
    FollowerPressure,
    Gravity,
    PrescribedDisplacement,
    Problem,
    RigidMotion,
    Stepping,
    Support,
    SymmetryPlane,
    TaylorHood,
)

Ending = Literal["solved", "stops", "refused"]
"""What must come of a case: full load; a sentence on the way; a refusal before anything is solved."""

SOFT = Material((NeoHookean(1.0),), 1e3)
RUBBER = Material((NeoHookean(1.0),), "incompressible")
FAMILIES = (radians(30), -radians(30))
OCTANT: dict[str, Support] = {name: SymmetryPlane(f"symmetry-{name}") for name in "xyz"}
FULL = pi / 6
"""Volume of the octant of the unit sphere (mm³)."""


@dataclass(frozen=True)
class Torture:
    """One case.

    Attributes:
        name: what it is.
        build: makes the problem.
        ends: what must come of it with default settings.
        says: a word that the sentence must contain where it does not end solved.
        stepping: what is asked of the steps, where that is the case itself.
        quick: whether it belongs to the short set.
    """

    name: str
    build: Callable[[], Problem]
    ends: Ending = "solved"
    says: str = ""
    stepping: Stepping | None = None
    quick: bool = False


def every_case() -> list[Torture]:
    """All of them, in groups."""
    return [*_stretches(), *_tissues(), *_meshes(), *_slender(), *_cavities(), *_active(), *_turns(), *_hopeless()]


def _uniform(anatomy: Anatomy, material: Material, supports: dict[str, Support], **more: object) -> Problem:
    """One material everywhere, with oblique fibers where it needs some and none are given."""
    if material.needs_fibers and "fibers" not in more:
        more["fibers"] = aligned(anatomy)
    return Problem(anatomy, dict.fromkeys(anatomy.regions, material), supports, **more)  # type: ignore[arg-type]


def _stretches() -> list[Torture]:
    def case(element: str, amount: float) -> Torture:
        formulation, cell, cells = ELEMENTS[element]
        material = dispersed() if isinstance(formulation, TaylorHood) else REINFORCED

        def build() -> Problem:
            return _uniform(cube(cells, cell), material, pulled(amount), formulation=formulation)

        return Torture(f"{amount:.0%} stretch in one step, {element}", build, quick=element == "P1")

    return [case(element, amount) for amount in (0.2, 0.4, 0.6) for element in ELEMENTS]


def _tissues() -> list[Torture]:
    def artery() -> Problem:
        tube = ThickTube(1.0, 1.3, 0.5, (2, 6, 2), "quarter").build(MPI.COMM_WORLD)
        supports: dict[str, Support] = {
            "x": SymmetryPlane("symmetry-x"),
            "y": SymmetryPlane("symmetry-y"),
            "low": Clamp("bottom", "z"),
            "high": Clamp("top", "z"),
        }
        material = Material((NeoHookean(10.0), HolzapfelGasserOgden(5.0, 500.0, FAMILIES)), "incompressible")
        return _uniform(tube, material, supports, loads={"lumen": FollowerPressure("inner", 16.0)}, fibers=around(tube))

    def sample(amount: float, supports: Callable[[float], dict[str, Support]]) -> Callable[[], Problem]:
        material = Material((NeoHookean(10.0), HolzapfelGasserOgden(5.0, 500.0, FAMILIES)), 1e4)

        def build() -> Problem:
            anatomy = cube(3)
            return _uniform(anatomy, material, supports(amount), fibers=aligned(anatomy, (0.0, 1.0, 0.0)))

        return build

    def steep(k2: float, amount: float) -> Callable[[], Problem]:
        return lambda: _uniform(cube(3), dispersed(1e3, 5.0, k2), pulled(amount))

    def ratio(bulk: float | str, amount: float) -> Callable[[], Problem]:
        return lambda: _uniform(cube(3), dispersed(bulk), pulled(amount, 0.3 * amount))

    stiff_bulk = Material((NeoHookean(1.0),), 1e4)
    cortex = Material((Ogden(1.457, -18.94),), "incompressible")
    kirchhoff = Material((SaintVenantKirchhoff(1.0, "full"),), 100.0)
    return [
        Torture("arterial wall, k2 = 500, to 16 kPa", artery),
        Torture("arterial sample, k2 = 500, 20 % on rollers", sample(0.2, rolled)),
        Torture("arterial sample, k2 = 500, 15 % clamped", sample(0.15, pulled)),
        Torture("dispersed fibers, k2 = 500, 15 % clamped", steep(500.0, 0.15)),
        Torture("dispersed fibers, k2 = 50, 40 % clamped", steep(50.0, 0.4)),
        Torture("bulk over shear 1e6, mixed, 30 %", ratio(1e6, 0.3)),
        Torture("incompressible, mixed, 30 %", ratio("incompressible", 0.3), quick=True),
        Torture(
            "bulk over shear 1e4, displacement P2, 30 %",
            lambda: _uniform(cube(3), stiff_bulk, pulled(0.3), formulation=Displacement(2)),
        ),
        Torture("bulk over shear 1e6, mixed, sheared by 1", lambda: _uniform(cube(3), dispersed(1e6), pulled(0, 0, 1))),
        Torture("cortex, Ogden with α = −19, 40 % stretch", lambda: _uniform(cube(3), cortex, pulled(0.4))),
        Torture("cortex, Ogden with α = −19, 30 % compression", lambda: _uniform(cube(3), cortex, pulled(-0.3))),
        Torture("St Venant–Kirchhoff, 15 % compression", lambda: _uniform(cube(3), kirchhoff, pulled(-0.15))),
        Torture(
            "St Venant–Kirchhoff compressed by 60 %, where it resists no more",
            lambda: _uniform(cube(3), kirchhoff, pulled(-0.6)),
            "stops",
            "J = ",
        ),
    ]


def _meshes() -> list[Torture]:
    slivers = 0.0101
    return [
        Torture(
            "slivers of scaled Jacobian 0.01, P1, 20 %",
            lambda: _uniform(flattened(4, slivers), REINFORCED, pulled(0.2), formulation=Displacement(1)),
            quick=True,
        ),
        Torture(
            "slivers of scaled Jacobian 0.01, P2, 20 %",
            lambda: _uniform(flattened(4, slivers), REINFORCED, pulled(0.2), formulation=Displacement(2)),
        ),
        Torture(
            "slivers of scaled Jacobian 0.01, P2-P1, sheared by 0.4",
            lambda: _uniform(flattened(4, slivers), dispersed(), pulled(0, 0.4)),
        ),
        Torture("a fiber direction at random per voxel, 30 %", lambda: _random(0.2, 0.3)),
        Torture("a fiber direction at random per point, 30 %", lambda: _random(1e-4, 0.3)),
    ]


def _random(voxel: float, amount: float) -> Problem:
    anatomy = cube(4)
    return _uniform(anatomy, dispersed(1e3, 10.0, 20.0), pulled(amount), fibers=scattered(anatomy, voxel))


def _slender() -> list[Torture]:
    def strip(amount: float, nudge: float) -> Callable[[], Problem]:
        def build() -> Problem:
            anatomy = bar((20.0, 1.0, 0.5), (20, 1, 1), "hexahedra")
            loads = {"nudge": DeadTraction("top", (0.0, 0.0, nudge))}
            return _uniform(anatomy, SOFT, pulled(-amount * 20.0), loads=loads)

        return build

    def arch(depth: float) -> Callable[[], Problem]:
        def build() -> Problem:
            anatomy = shell((20.0, 1.0, 0.4), (20, 1, 1), lambda x: 1.5 * np.sin(pi * x[:, 0] / 20))
            anatomy = named(anatomy, "crown", lambda m: (np.abs(m[:, 0] - 10) < 1.01) & (m[:, 2] > 1.75))
            supports = {"left": Clamp("left"), "right": Clamp("right")}
            return _uniform(
                anatomy, SOFT, supports | {"push": PrescribedDisplacement("crown", (0.0, 0.0, -depth), "z")}
            )

        return build

    def snapping() -> Problem:
        anatomy = shell((20.0, 1.0, 0.4), (20, 1, 1), lambda x: 1.5 * np.sin(pi * x[:, 0] / 20))
        loads = {"push": DeadTraction("top", (0.0, 0.0, -0.004))}
        return _uniform(anatomy, SOFT, {"left": Clamp("left"), "right": Clamp("right")}, loads=loads)

    def beam() -> Problem:
        anatomy = bar((10.0, 1.0, 1.0), (10, 1, 1))
        material = Material((Guccione(2.0, 8.0, 2.0, 4.0),), "incompressible")
        loads = {"pressure": FollowerPressure("bottom", 0.004)}
        fibers = aligned(anatomy, (1.0, 0.0, 0.0), 1.0)
        return _uniform(anatomy, material, {"fixed": Clamp("left")}, loads=loads, fibers=fibers)

    def hanging() -> Problem:
        anatomy = bar((30.0, 10.0, 10.0), (6, 2, 2))
        soft = Material((NeoHookean(0.3),), 300.0)
        return _uniform(anatomy, soft, {"fixed": Clamp("left")}, loads={"weight": Gravity((0.0, 0.0, -9810.0))})

    return [
        Torture("slender strip, buckled by 15 % with a nudge", strip(0.15, 1e-6)),
        Torture("slender strip, buckled by 30 % with a nudge", strip(0.3, 1e-5)),
        Torture("slender strip, straight, compressed by 5 %", strip(0.05, 0.0)),
        Torture("shallow arch snapped through at its crown", arch(3.0)),
        Torture("shallow arch that snaps under a dead load", snapping),
        Torture("beam under follower pressure in one step", beam, quick=True),
        Torture("very soft bar under its weight", hanging),
    ]


def _cavities() -> list[Torture]:
    def sphere(outer: float, growth: float, **more: float) -> Callable[[], Problem]:
        def build() -> Problem:
            anatomy = ThickSphere(1.0, outer, (1, 4), "octant").build(MPI.COMM_WORLD)
            cavity = Cavity("inner", center=(0.0, 0.0, 0.0), **(more or {"volume": FULL * growth}))
            return _uniform(anatomy, RUBBER, OCTANT, loads={"cavity": cavity})

        return build

    def dome(left: float) -> Callable[[], Problem]:
        def build() -> Problem:
            size = 10.0

            def rise(x: np.ndarray) -> np.ndarray:
                return np.asarray(1.2 * np.sin(pi * x[:, 0] / size) * np.sin(pi * x[:, 1] / size))

            anatomy = shell((size, size, 0.3), (8, 8, 1), rise)
            rim: dict[str, Support] = {name: Clamp(name) for name in ("left", "right", "back", "front")}
            first = 1.2 * (2 * size / pi) ** 2
            return _uniform(anatomy, SOFT, rim, loads={"air": Cavity("bottom", volume=left * first)})

        return build

    def ventricle() -> Problem:
        anatomy = TruncatedEllipsoid((2, 12, 5), apex=1.0).build(MPI.COMM_WORLD)
        material = Material((Guccione(10.0, 1.0, 1.0, 1.0),), "incompressible")
        loads = {"blood": FollowerPressure("endocardium", 10.0)}
        return _uniform(
            anatomy, material, {"base": Clamp("base")}, loads=loads, fibers=aligned(anatomy, (1.0, 0.0, 0.0), 0.0)
        )

    return [
        Torture("thin sphere filled to 8 times its volume, past its limit", sphere(1.1, 8.0), quick=True),
        Torture("thin sphere filled to 60 times its volume", sphere(1.1, 60.0)),
        Torture("thin sphere at a pressure beyond its limit", sphere(1.1, 0.0, pressure=0.5), "stops", "limit"),
        Torture("dome emptied past its limit point", dome(0.1)),
        Torture("ventricle at 10 kPa in one step", ventricle),
    ]


def _active() -> list[Torture]:
    def twitch(tension: float, at_once: bool) -> Callable[[], Problem]:
        curve = Curve((0.0, 1e-3, 1.0), (0.0, 1.0, 1.0)) if at_once else None

        def build() -> Problem:
            anatomy = cube(3)
            material = Material((*dispersed().energies, ActiveStress(tension, curve=curve)), 1e3)
            return _uniform(anatomy, material, {"fixed": Clamp("left")})

        return build

    def shortening() -> Problem:
        curve = Curve((0.0, 1e-3, 1.0), (0.0, 1.0, 1.0))
        material = Material(dispersed().energies, 1e3, active_strain=ActiveStrain(-0.3, curve))
        return _uniform(cube(3), material, {"fixed": Clamp("left")})

    return [
        Torture("activation at once, tension twice the shear modulus", twitch(2.0, True), quick=True),
        Torture("activation in one step, tension ten times the shear modulus", twitch(10.0, False)),
        Torture("active strain of 30 % at once", shortening),
    ]


def _turns() -> list[Torture]:
    def turned(rotation: tuple[float, float, float], shift: float = 0.0) -> Callable[[], Problem]:
        def build() -> Problem:
            anatomy = bar((3.0, 1.0, 1.0), (6, 2, 2))
            motion = RigidMotion("right", rotation, (shift, 0.0, 0.0))
            return _uniform(anatomy, dispersed(), {"fixed": Clamp("left"), "moved": motion})

        return build

    def slid(amount: float) -> Callable[[], Problem]:
        return lambda: _uniform(cube(4), dispersed(), rolled(amount))

    def indented() -> Problem:
        anatomy = named(cube(4), "blade", lambda m: (m[:, 2] > 0.999) & (np.abs(m[:, :2] - 0.5) < 0.26).all(axis=1))
        supports = {"bed": Clamp("bottom"), "blade": PrescribedDisplacement("blade", (0.0, 0.0, -0.3))}
        return _uniform(anatomy, dispersed(), supports)

    return [
        Torture("clamped face turned by 90° about its normal", turned((pi / 2, 0.0, 0.0))),
        Torture("clamped face turned by 180° about its normal", turned((pi, 0.0, 0.0))),
        Torture("clamped face turned by 60° sideways", turned((0.0, 0.0, pi / 3), -0.3)),
        Torture("compressed to 40 % of its length on rollers", slid(-0.6)),
        Torture("clamped block compressed by 30 %", lambda: _uniform(cube(4), dispersed(), pulled(-0.3))),
        Torture("rigid blade pressed in by 30 %", indented),
    ]


def _hopeless() -> list[Torture]:
    tight = Stepping(tolerance=1e-17)
    return [
        Torture(
            "one inverted tetrahedron",
            lambda: _uniform(inverted(4, "tetrahedra"), SOFT, pulled(0.1)),
            "refused",
            "cell ",
            quick=True,
        ),
        Torture(
            "one inverted hexahedron",
            lambda: _uniform(inverted(4, "hexahedra"), SOFT, pulled(0.1)),
            "refused",
            "cell ",
        ),
        Torture("a free body", lambda: _uniform(cube(3), SOFT, {}), "refused", "rotation about z", quick=True),
        Torture(
            "a body that can turn",
            lambda: _uniform(cube(3), SOFT, {"x": SYMMETRY["x"], "z": SYMMETRY["z"]}),
            "refused",
            "translation along y",
        ),
        Torture(
            "supports that contradict each other",
            lambda: _uniform(cube(3), SOFT, {"a": Clamp("left"), "b": PrescribedDisplacement("front", (1.0, 0, 0))}),
            "refused",
            "disjoint",
        ),
        Torture(
            "a tolerance below round-off",
            lambda: _uniform(cube(3), SOFT, pulled(0.1)),
            "stops",
            "round-off",
            tight,
            quick=True,
        ),
        Torture("a block crushed to nothing", lambda: _uniform(cube(2), SOFT, pulled(-1.5)), "stops", "J = "),
    ]
