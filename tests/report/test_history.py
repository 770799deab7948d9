"""Curves of a load history are read as they were written, and drawn where there is something to draw."""

from pathlib import Path

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.report.history import curves, read_history
from fibertwin.solver import Balance, CavityState, Flow, Step
from fibertwin.watched import write_history


def steps(count: int) -> list[Step]:
    """Equilibria of a body whose cavity is filled, after a waypoint."""
    calm = [
        Step(
            (i + 1) / count,
            (1.0,),
            (1,),
            {"ventricle": CavityState(1000.0 + 500.0 * i, 2.0 * i)},
            balance=Balance({"the base, held": (0.0, 0.0, -3.0 * i)}, 1.0 * i, 1.1 * i),
        )
        for i in range(count)
    ]
    return [Step(0.01, (1.0,), (1,), settled=False), *calm]


def test_what_is_written_is_read_without_waypoints(tmp_path: Path) -> None:
    write_history(steps(4), 0.8, tmp_path / "history.csv")
    found = read_history(tmp_path / "history.csv")
    assert found is not None
    assert found.load.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert found.time.tolist() == [0.2, 0.4, 0.6, 0.8]
    assert found.forces["the base, held"][:, 2].tolist() == [0.0, -3.0, -6.0, -9.0]
    volume, pressure = found.cavities["ventricle"]
    np.testing.assert_allclose(volume, [1.0, 1.5, 2.0, 2.5])
    assert pressure.tolist() == [0.0, 2.0, 4.0, 6.0]


def test_a_circuit_adds_its_columns(tmp_path: Path) -> None:
    state = CavityState(1e5, 9.0, Flow(inflow=0.0, outflow=3e5, arterial=8.0, aortic=8.5))
    step = Step(1.0, (1.0,), (1,), {"lv": state}, balance=Balance({}, 1.0, 1.0))
    write_history([step], 0.8, tmp_path / "history.csv")
    heading, line = (tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()
    row = dict(zip(heading.split(","), line.split(","), strict=True))
    assert float(row["lv_outflow_mL_per_s"]) == 300.0
    assert [float(row[f"lv_{name}_kPa"]) for name in ("pressure", "arterial", "aortic")] == [9.0, 8.0, 8.5]
    found = read_history(tmp_path / "history.csv")
    assert found is not None
    assert list(found.cavities) == ["lv"]


def test_curves_are_drawn_where_there_are_two_equilibria(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert curves(tmp_path) is None
    write_history(steps(0), 1.0, tmp_path / "history.csv")
    assert curves(tmp_path) is None
    write_history(steps(1), 1.0, tmp_path / "history.csv")
    assert curves(tmp_path) is None
    write_history(steps(2), 1.0, tmp_path / "history.csv")
    drawn = curves(tmp_path)
    assert drawn is not None
    assert "Pressure over volume of each cavity." in drawn.caption
    assert "isotropic" not in drawn.caption
    write_history(steps(3), 1.0, tmp_path / "isotropic-history.csv")
    drawn = curves(tmp_path)
    assert drawn is not None
    assert drawn.caption.endswith("Dashed: the isotropic model.")


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("load,time_s\n0.5,soon\n", encoding="utf-8")
    with pytest.raises(InputError, match="is no table of a load history"):
        read_history(tmp_path / "history.csv")
