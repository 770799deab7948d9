"""Lines along fibers: circles and helices in a tube, whatever the signs of the axes."""

import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.errors import InputError
from fibertwin.meshes import Helix, ThickTube, fibers_from_axes
from fibertwin.meshes.streamlines import AxisCloud, gathered, trace, write_streamlines

TUBE = ThickTube(inner_radius=6.0, outer_radius=9.0, length=10.0, cells=(4, 40, 10))


@pytest.mark.mpi
def test_a_line_keeps_its_radius_and_climbs_as_its_helix_says(comm):
    body = TUBE.build(comm)
    cloud = gathered(Helix(inner=6.0, outer=9.0, helix=(0.3, 0.3)).fibers(body, 2))
    assert (cloud is None) == (comm.rank > 0)
    if cloud is None:
        return
    lines = trace(cloud, 40, longest=60.0)
    assert len(lines) == 40
    for first, last in zip(lines.offsets[:-1], lines.offsets[1:], strict=True):
        line = lines.points[first:last]
        inner = line[(line[:, 2] > 1) & (line[:, 2] < 9)]
        radius = np.hypot(inner[:, 0], inner[:, 1])
        assert np.ptp(radius) < 0.5
    middle = (np.abs(lines.points[:, 2] - 5) < 3) & (np.abs(np.hypot(*lines.points.T[:2]) - 7.5) < 1)
    assert np.abs(lines.directions[middle, 2]) == pytest.approx(np.sin(0.3), abs=0.06)
    # from one end of the tube to the other, and out of it by no more than the reach
    assert (10 / np.sin(0.3) - 2 < lines.lengths).mean() > 0.7
    assert lines.lengths.max() < (10 + 2.2 * cloud.reach) / np.sin(0.3)


def test_signs_of_the_axes_do_not_matter(tmp_path):
    body = TUBE.build(MPI.COMM_SELF)
    plain = gathered(Helix(inner=6.0, outer=9.0, helix=(0.3, -0.3)).fibers(body, 1))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(len(plain.points), 1))
    lines, others = trace(plain, 20), trace(AxisCloud(plain.points, signs * plain.axes, plain.reach), 20)
    assert np.sort(lines.lengths) == pytest.approx(np.sort(others.lengths), abs=1e-6)
    pytest.importorskip("pyvista")
    write_streamlines(lines, tmp_path / "lines.vtp")
    import pyvista as pv

    read = pv.read(tmp_path / "lines.vtp")
    assert read.n_lines == 20
    assert np.asarray(read.points) == pytest.approx(lines.points, abs=1e-4)


def test_fibers_of_no_direction_lead_nowhere(tmp_path):
    body = TUBE.build(MPI.COMM_SELF)
    rng = np.random.default_rng(0)
    field = fibers_from_axes(body.mesh, 1, lambda x: (rng.normal(size=x.shape), np.eye(3)[[0]]))
    ring = Helix(inner=6, outer=9, helix=(0, 0)).fibers(body, 1)
    short, long = (trace(gathered(one), 50, longest=200.0) for one in (field, ring))
    assert np.median(short.lengths) < 0.1 * np.median(long.lengths)
    with pytest.raises(InputError, match="above 0"):
        trace(gathered(field), 0)
    with pytest.raises(InputError, match="more points"):
        AxisCloud.of(np.zeros((3, 3)), np.zeros((3, 3)))
