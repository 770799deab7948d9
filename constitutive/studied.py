"""The tests of ``study`` as methods of a law or a material."""

from typing import TYPE_CHECKING, Any, cast

from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from .checks import Check
    from .energy import StrainEnergy
    from .material import Material
    from .point import Fabric
    from .study import Direction, Response


class Studied:
    """Homogeneous tests as methods; see ``fibertwin.constitutive.study`` for arguments and errors."""

    def uniaxial(
        self, stretches: ArrayLike, direction: "Direction" = "f", fabric: "Fabric | None" = None
    ) -> "Response":
        """Stretch along one direction, the sides free."""
        from .study import uniaxial

        return uniaxial(_subject(self), stretches, direction, fabric)

    def biaxial(self, stretches: ArrayLike, across: ArrayLike | None = None, **options: Any) -> "Response":
        """Stretch along two directions, the third side free; options are ``directions`` and ``fabric``."""
        from .study import biaxial

        return biaxial(_subject(self), stretches, across, **options)

    def planar_tension(self, stretches: ArrayLike, **options: Any) -> "Response":
        """Stretch along one direction at constant width; options are ``directions`` and ``fabric``."""
        from .study import planar_tension

        return planar_tension(_subject(self), stretches, **options)

    def simple_shear(self, amounts: ArrayLike, plane: Any = "fs", **options: Any) -> "Response":
        """Shift a face by ``amounts`` times its distance; options are ``fabric`` and ``prestretch``."""
        from .study import simple_shear

        return simple_shear(_subject(self), amounts, plane, **options)

    def volumetric(self, ratios: ArrayLike, fabric: "Fabric | None" = None) -> "Response":
        """Dilate by volume ratios."""
        from .study import volumetric

        return volumetric(_subject(self), ratios, fabric)

    def check(self, fabric: "Fabric | None" = None) -> "tuple[Check, ...]":
        """Whether energy, stress and tangent agree, and the symmetries hold; see ``checks``."""
        from .checks import check

        return check(_subject(self), fabric)


def _subject(studied: Studied) -> "StrainEnergy | Material":
    return cast("StrainEnergy | Material", studied)
