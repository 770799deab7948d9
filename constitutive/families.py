"""Several families of fibers in one tissue, each at an angle to the axis of the fabric."""

import math

from ufl.core.expr import Expr

from .kinematics import Fiber

TOLERANCE = 1e-6
"""Two angles (rad) that differ by less are one."""


def directions(fiber: Fiber, angles: tuple[Expr | float, ...]) -> tuple[Expr, ...]:
    """Unit vectors (3,) of the families: one for each angle (rad) from the fiber towards the sheet.

    Without any angle there is one family, along the fiber, and no sheet is needed.
    """
    return tuple(fiber.at_angle(angle) for angle in angles) if angles else (fiber.axis,)


def check_pairs(angles: tuple[object, ...]) -> None:
    """Refuse angles that are not the same seen from −a0.

    Fibers and sheets are axes, whose signs say nothing and may jump from point to point: a family at +30° must have its
    twin at −30°. Angles that vary in space cannot be looked at here.

    Raises:
        ValueError: a family has no twin.
    """
    known = [float(angle) for angle in angles if isinstance(angle, int | float)]
    if len(known) < len(angles):
        return
    for angle in known:
        here = sum(_same(angle, other) for other in known)
        if here != sum(_same(-angle, other) for other in known):
            shown = f"{math.degrees(angle):g} deg"
            raise ValueError(
                f"has a family at {shown} without its twin at {math.degrees(-angle):g} deg, but the signs of "
                "fiber and sheet say nothing; angles come in pairs of + and −"
            )


def _same(one: float, other: float) -> bool:
    """Whether two angles give one axis: they differ by a whole number of half turns."""
    return abs(math.sin(one - other)) < TOLERANCE
