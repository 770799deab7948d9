"""The gate for meshes from images, and the report of cells."""

import json
from pathlib import Path

import numpy as np
import pytest

from fibertwin.cli import main
from fibertwin.errors import InputError
from fibertwin.meshes import cell_quality, require_good_cells
from fibertwin.meshes.quality_report import as_dict

REGULAR = np.array([[1, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1]], float)


def two(height: float) -> tuple[np.ndarray, np.ndarray]:
    """A regular tetrahedron, and one whose last corner lies ``height`` above the middle of its base."""
    flat = REGULAR.copy()
    middle = flat[:3].mean(axis=0)
    flat[3] = middle + height * (flat[3] - middle)
    flat += 10.0
    points = np.concatenate([REGULAR, flat])
    return points, np.array([[0, 2, 1, 3], [4, 6, 5, 7]])


def test_regular_cells_pass() -> None:
    points, cells = two(1.0)
    found = cell_quality(points, cells)
    assert np.abs(found.jacobian) == pytest.approx(1.0)
    assert found.dihedral == pytest.approx(np.degrees(np.arccos(1 / 3)))
    assert found.edges == pytest.approx(2 * np.sqrt(2))
    cells = cells if found.jacobian.min() > 0 else cells[:, [1, 0, 2, 3]]
    require_good_cells(cell_quality(points, cells), "mesh")


@pytest.mark.parametrize(("height", "words"), [(0.03, "1 of 2 cells"), (-1.0, "1 of them turned inside out")])
def test_the_worst_cell_is_named_with_its_place(height: float, words: str) -> None:
    points, cells = two(height)
    if cell_quality(points, cells).jacobian[0] < 0:
        cells = cells[:, [1, 0, 2, 3]]
    found = cell_quality(points, cells)
    assert found.worst(1).tolist() == [1]
    with pytest.raises(InputError) as caught:
        require_good_cells(found, "head.nii", hint="try this")
    told = str(caught.value)
    assert words in told
    place = ", ".join(f"{x:.1f}" for x in points[4:].mean(axis=0))
    assert place in told
    assert "try this" in told


def test_a_pointed_cell_of_good_jacobian_is_refused_by_its_angle() -> None:
    points, cells = two(0.25)
    if cell_quality(points, cells).jacobian[0] < 0:
        cells = cells[:, [1, 0, 2, 3]]
    found = cell_quality(points, cells)
    require_good_cells(found, "mesh", dihedral=5.0)
    with pytest.raises(InputError, match="1 of 2"):
        require_good_cells(found, "mesh", dihedral=float(found.dihedral[1]) + 1.0)


def test_histograms_hold_all_cells() -> None:
    points, cells = two(0.5)
    figures = as_dict(cell_quality(points, cells))
    for name in ("scaled_jacobian", "dihedral_degrees", "edge_mm"):
        assert sum(figures[name]["histogram"]["counts"]) == 2
    json.dumps(figures)


def test_the_verb_tells_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import meshio

    points, cells = two(0.03)
    file = tmp_path / "two.vtu"
    meshio.Mesh(points, {"tetra": cells}).write(file)
    assert main(["quality", str(file), "-o", str(tmp_path / "out")]) == 1
    assert "worst cells" in capsys.readouterr().out
    written = json.loads((tmp_path / "out" / "quality.json").read_text())
    assert written["accepted"] is False
    assert written["worst"][0]["cell"] in (0, 1)
    assert (tmp_path / "out" / "quality.png").stat().st_size > 5000


def test_a_missing_file_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quality", "nothing.msh"]) == 2
    assert "no such file" in capsys.readouterr().err
