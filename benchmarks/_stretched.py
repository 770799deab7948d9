"""A tissue sample under biaxial stretch, which has a closed form: the law that the finite-element prototype has."""

import numpy as np

from fibertwin.calibration import Formula, LogNormal, Parameter, Space

NAMES = ("a", "b", "af", "bf")
TRUTH = np.array([1.0, 1.5, 2.0, 2.0])
ANGLE = np.pi / 6
LOADS = (1.08, 1.16, 1.24)
"""Stretches of the three load steps."""

RATIOS = ((1.0, 0.0), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0), (0.0, 1.0), (1.0, -0.3))
"""How the stretch is divided between both axes."""

OUTPUTS = tuple(f"stress {axis} at {load:g}, {i}" for load in LOADS for i in range(len(RATIOS)) for axis in "xy")


def stresses(theta):
    """Cauchy stresses of an incompressible sheet, in order of load step, ratio, axis.

    ψ = a/2b (exp b(I1 - 3) - 1) + af/2bf (exp bf(I4 - 1)² - 1), fibers oblique in the plane, none across.
    """
    a, b, af, bf = theta
    found = []
    for load in LOADS:
        for x, y in RATIOS:
            first, second = load**x, load**y
            third = 1 / (first * second)
            i1 = first**2 + second**2 + third**2
            i4 = first**2 * np.cos(ANGLE) ** 2 + second**2 * np.sin(ANGLE) ** 2
            matrix = a * np.exp(b * (i1 - 3))
            fiber = 2 * af * (i4 - 1) * np.exp(bf * (i4 - 1) ** 2)
            found.append(matrix * (first**2 - third**2) + fiber * first**2 * np.cos(ANGLE) ** 2)
            found.append(matrix * (second**2 - third**2) + fiber * second**2 * np.sin(ANGLE) ** 2)
    return np.array(found)


def model():
    """The sample as a model."""
    return Formula(NAMES, stresses)


def space(sd=0.5):
    """What is believed of it."""
    return Space(tuple(Parameter(name, LogNormal(1.5, sd), "" if name in "b bf" else "kPa") for name in NAMES))
