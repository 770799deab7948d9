"""report.html: one self-contained page made only from the files that a run leaves in its folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin.errors import FibertwinError, InputError, Problem
from fibertwin.whole import whole

if TYPE_CHECKING:
    from .drawing import Picture

__all__ = ["write_report"]

_NEEDED = ("title", "outcome", "regions")


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into a result folder from what lies there. Local: call it on one rank.

    Pictures that can't be drawn (no graphics library, no pyvista or matplotlib) are replaced by a sentence.

    Args:
        folder: holds ``summary.json``; ``fields.pvd``, ``isotropic.pvd``, ``history.csv`` and
            ``tensors.nii`` are used where present.

    Returns:
        The file written.

    Raises:
        InputError: the folder holds no readable ``summary.json``.
    """
    from .page import page
    from .pictures import Painter

    summary = _read(folder / "summary.json")
    # the fields are drawn by a child process while the charts are drawn here
    with Painter(folder) as painter:
        pictures, troubles = _charts(folder, summary)
        drawn = painter.finish()
    if drawn.trouble:
        troubles.insert(0, drawn.trouble)
    text = page(summary, pictures | drawn.pictures, drawn.findings, troubles)
    path = folder / "report.html"
    with whole(path) as stream:
        stream.write(text.encode())
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        hint = "give the folder that fibertwin run -o wrote"
        raise InputError(Problem(str(path), "does not exist", hint=hint)) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(Problem(str(path), f"cannot be read ({error})", hint="run the case again")) from error
    missing = [key for key in _NEEDED if not isinstance(summary, dict) or key not in summary]
    if missing:
        raise InputError(Problem(str(path), "is no summary of a run", f"no {', '.join(missing)}", ", ".join(_NEEDED)))
    return dict(summary)


def _charts(folder: Path, summary: dict[str, Any]) -> tuple[dict[str, "Picture"], list[str]]:
    """Every picture that needs no fields, by name, and why any is missing."""
    from . import charts, history, slices

    makers: dict[str, Callable[[], Picture | None]] = {
        "exceedance": lambda: charts.exceedance(summary),
        "histograms": lambda: charts.histograms(summary),
        "curves": lambda: history.curves(folder),
        "convergence": lambda: charts.convergence(summary),
        "mesh": lambda: charts.mesh_quality(summary),
    }
    tensors = folder / "tensors.nii"
    if tensors.is_file():
        makers["fa"] = lambda: slices.fa_slices(tensors)
    pictures: dict[str, Picture] = {}
    troubles: list[str] = []
    for name, make in makers.items():
        try:
            made = make()
        except FibertwinError as error:
            troubles.append(" ".join(str(error).split()))
        else:
            if made is not None:
                pictures[name] = made
    return pictures, list(dict.fromkeys(troubles))
