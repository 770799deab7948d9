"""The fields come back from the files as they were written, on any number of ranks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.report.fields import read_fields


def test_reads_what_dolfinx_wrote(make_run: Callable[..., Path]) -> None:
    tissue = read_fields(make_run() / "fields.pvd")
    assert tissue.cells.shape == (384, 4)
    assert tissue.volumes.sum() == pytest.approx(40.0**3)
    assert tissue.arrays["a0"].shape == (384, 3)
    assert tissue.arrays["Cauchy stress"].shape == (384, 9)
    left = tissue.centers[:, 0] < 20
    np.testing.assert_allclose(tissue.arrays["a0"][left], np.tile([1.0, 0.0, 0.0], (left.sum(), 1)))
    distance = ((tissue.points - [40.0, 20.0, 20.0]) ** 2).sum(1)
    np.testing.assert_allclose(tissue.displacement[:, 0], 5.0 * np.exp(-distance / 18.0**2), atol=1e-9)


def test_boundary_is_closed_and_turned_outwards(make_run: Callable[..., Path]) -> None:
    tissue = read_fields(make_run() / "fields.pvd")
    a, b, c = (tissue.points[tissue.boundary[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a) / 2
    assert np.linalg.norm(normal, axis=1).sum() == pytest.approx(6 * 40.0**2)
    assert (np.einsum("ij,ij->i", normal, a) / 3).sum() == pytest.approx(40.0**3)  # divergence theorem


@pytest.mark.mpi
def test_parts_join_without_ghosts_or_seams(
    comm: Any, shared_path: Path, write_block: Callable[[Any, Path], Path]
) -> None:
    write_block(comm, shared_path)
    if comm.rank == 0:
        tissue = read_fields(shared_path / "fields.pvd")
        assert tissue.cells.shape == (384, 4)
        assert len(tissue.points) == 125
        assert len(tissue.boundary) == 6 * 32
        distance = ((tissue.points - [40.0, 20.0, 20.0]) ** 2).sum(1)
        np.testing.assert_allclose(tissue.displacement[:, 0], -5.0 * np.exp(-distance / 18.0**2), atol=1e-9)
    comm.barrier()


def test_says_what_is_missing(tmp_path: Path) -> None:
    import pyvista

    with pytest.raises(InputError, match="output format 'pvd'"):
        read_fields(tmp_path / "fields.pvd")
    cell = pyvista.UnstructuredGrid([4, 0, 1, 2, 3], [10], np.vstack([np.zeros(3), np.eye(3)]))
    cell.save(tmp_path / "bare.vtu")
    with pytest.raises(InputError, match="no displacement"):
        read_fields(tmp_path / "bare.vtu")
    cell.point_data["displacement"] = np.zeros((4, 3))
    cell.save(tmp_path / "still.vtu")
    with pytest.raises(InputError, match="no strain"):
        read_fields(tmp_path / "still.vtu")
    cell.cell_data["max principal strain"] = [0.25]
    cell.save(tmp_path / "plain.vtu")
    plain = read_fields(tmp_path / "plain.vtu")
    assert plain.strain_name == "max principal strain"
    assert plain.strain.tolist() == [0.25]


def test_bricks_are_cut_into_tetrahedra_that_fill_them(tmp_path: Path) -> None:
    """Two skewed bricks side by side: the cut ones hold their volume, and only the outside is a surface."""
    import pyvista

    grid = pyvista.ImageData(dimensions=(3, 2, 2), spacing=(2.0, 1.0, 3.0)).cast_to_unstructured_grid()
    bricks = pyvista.UnstructuredGrid(
        np.array([[8, *_loop(cell)] for cell in range(2)]).ravel(), [12, 12], grid.points + 0.2 * grid.points[:, ::-1]
    )
    bricks.point_data["displacement"] = bricks.points @ np.diag([0.1, 0.2, 0.3])
    bricks.cell_data["max principal strain"] = [0.1, 0.2]
    bricks.save(tmp_path / "bricks.vtu")
    tissue = read_fields(tmp_path / "bricks.vtu")
    skew = np.eye(3) + 0.2 * np.eye(3)[::-1]
    assert tissue.cells.shape == (48, 4)
    assert tissue.volumes.sum() == pytest.approx(12.0 * abs(np.linalg.det(skew)))
    assert len(tissue.boundary) == 10 * 4
    assert (tissue.volumes * tissue.strain).sum() == pytest.approx(0.15 * tissue.volumes.sum())
    np.testing.assert_allclose(tissue.displacement, tissue.points @ np.diag([0.1, 0.2, 0.3]), atol=1e-6)


def _loop(cell: int) -> list[int]:
    """Corners of a cell of the grid above, in VTK's order."""
    return [cell + offset for offset in (0, 1, 4, 3, 6, 7, 10, 9)]
