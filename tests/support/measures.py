"""What two bodies that should be the same are compared by."""

from dataclasses import astuple

import pytest

from fibertwin.meshes import Anatomy


def same_quality(one: Anatomy, other: Anatomy) -> None:
    """Alike up to round-off; which of equally bad cells is called the worst may differ."""
    assert one.quality.cells == other.quality.cells
    assert one.quality.kind == other.quality.kind
    measures = [astuple(body.quality)[1:6] + body.quality.dihedral for body in (one, other)]
    assert measures[0] == pytest.approx(measures[1], rel=1e-10)
