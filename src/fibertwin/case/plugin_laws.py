"""A person's own laws tried at a point, so that what is wrong in their code is told before anything is meshed."""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fibertwin.constitutive import Fiber, Kinematics, Material, StrainEnergy
from fibertwin.constitutive.numeric import symbol
from fibertwin.constitutive.point import axisymmetric_fabric, first_piola_kirchhoff
from fibertwin.constitutive.varying import Varying
from fibertwin.errors import InputError, Problem

from .plugins import is_plugin, raised_by
from .toml import place


def check_laws(materials: Mapping[str, Material]) -> None:
    """Evaluate every energy that comes from a plugin.

    Raises:
        InputError: one raises an error, is no scalar, or gives stresses that are not finite.
    """
    problems = [
        problem
        for region, material in materials.items()
        for number, energy in enumerate(material.energies)
        if is_plugin(type(energy))
        for problem in _tried(energy, place(("materials", region, "energies", number)))
    ]
    if problems:
        raise InputError(problems)


def _tried(energy: StrainEnergy, where: str) -> list[Problem]:
    path = Path(str(sys.modules[type(energy).__module__].__file__))
    name = type(energy).__name__
    fiber = Fiber(symbol((3,)), symbol((3, 3)), symbol(), symbol((3,)))
    try:
        bound = energy.bind({parameter: symbol() for parameter in energy.parameters})
        shape = getattr(bound.psi(Kinematics(symbol((3, 3)), fiber)), "ufl_shape", None)
        if shape != ():
            return [Problem(where, f"{name}.psi gives no scalar", f"the shape {shape}", "an energy, a UFL expression")]
        if any(isinstance(value, Varying) for value in energy.parameters.values()):
            return []
        stretched = np.diag([1.01, 1.0, 1 / 1.01])
        stress = first_piola_kirchhoff(Material((energy,), 1.0), stretched, axisymmetric_fabric((1, 0, 0), 0.5))
    except Exception as error:  # a person's own code may raise anything
        return [raised_by(error, path)]
    if not np.isfinite(stress).all():
        return [Problem(where, f"{name} gives stresses that are not finite", "at a stretch of 1.01", "finite stresses")]
    return []
