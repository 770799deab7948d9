"""Pictures of the fields, drawn by a child process, so that a missing graphics library never harms the run.

``python -m fibertwin.report.pictures DIR OUT`` draws the pictures of the result folder DIR into OUT, as
``name.png`` and ``name.txt`` (the caption), and ``findings.json``; each file stays even if a later one crashes.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fibertwin.errors import FibertwinError

from .drawing import Picture
from .fields import Floats, Tetrahedra, read_fields
from .hotspots import findings, spots

TIME_LIMIT = 180.0  # s; a slow software renderer on a busy machine takes 20 s
# VTK looks for an X server first and complains; both of these draw without one
WINDOWS = ("vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow")


@dataclass(frozen=True)
class Drawn:
    """What the child process made.

    Attributes:
        pictures: by name: ``cuts``, ``slabs`` (flat) and ``shape``, ``fibers`` (shaded).
        findings: see ``hotspots.findings``; empty if the fields could not be read.
        trouble: why something is missing, as a sentence, or nothing.
    """

    pictures: dict[str, Picture] = field(default_factory=dict)
    findings: dict[str, Any] = field(default_factory=dict)
    trouble: str = ""


class Painter:
    """The child process while it works, and what it left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._out = tempfile.TemporaryDirectory(prefix="fibertwin-pictures-")
        self._child = self._start(WINDOWS[0])

    def __enter__(self) -> "Painter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._child.poll() is None:
            self._child.kill()
        self._child.communicate()
        self._out.cleanup()

    def finish(self) -> Drawn:
        """Wait for the pictures; where the renderer dies, try the next kind of off-screen window."""
        trouble = self._wait()
        if self._child.returncode is not None and self._child.returncode < 0 and not self._chosen():
            self._child = self._start(WINDOWS[1])
            again = self._wait()
            trouble = trouble if again else ""
        return _collect(Path(self._out.name), trouble)

    def _start(self, window: str) -> "subprocess.Popen[str]":
        # the child is no MPI process: without these it can't be taken for a rank of the run
        ranks = ("PMI_", "PMIX_", "OMPI_", "MPI_", "HYDRA_", "HYDI_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ranks)}
        environment.setdefault("VTK_DEFAULT_OPENGL_WINDOW", window)
        command = [sys.executable, "-m", __name__, str(self._folder.resolve()), self._out.name]
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, errors="replace",
        )  # fmt: skip

    def _chosen(self) -> bool:
        """Whether the user chose VTK's window."""
        return "VTK_DEFAULT_OPENGL_WINDOW" in os.environ

    def _wait(self) -> str:
        try:
            _, said = self._child.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
            return f"The pictures took more than {TIME_LIMIT:.0f} s and were given up."
        return _why(self._child.returncode, said)


def _why(code: int, said: str) -> str:
    """The child's end as a sentence; nothing if it went well."""
    if code == 0:
        return ""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if code < 0:
        name = signal.Signals(-code).name
        return (
            f"The renderer was ended by {name}, which usually means that this machine has no OpenGL; "
            "on Debian and Ubuntu 'apt-get install libegl1' helps, and 'fibertwin report' then adds the pictures."
        )
    return f"The pictures could not be drawn: {lines[-1] if lines else f'exit code {code}'}"


def _collect(out: Path, trouble: str) -> Drawn:
    pictures = {
        path.stem: Picture(path.with_suffix(".png").read_bytes(), path.read_text(encoding="utf-8"))
        for path in sorted(out.glob("*.txt"))
    }
    told = out / "findings.json"
    return Drawn(pictures, json.loads(told.read_text(encoding="utf-8")) if told.is_file() else {}, trouble)


def draw(folder: Path, out: Path) -> None:
    """Draw every picture of the result folder, those that need no graphics library first.

    Raises:
        InputError: no fields, or a library is missing.
    """
    from .panels import fiber_slabs, strain_cuts, strain_range

    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    tissue = read_fields(folder / "fields.pvd")
    other = folder / "isotropic.pvd"
    isotropic = read_fields(other) if other.is_file() else None
    told = json.dumps(findings(tissue, summary))
    (out / "findings.json").write_text(told, encoding="utf-8")
    focus = focus_point(tissue)
    _keep(out, "cuts", strain_cuts(tissue, isotropic, focus))
    if "a0" in tissue.arrays:
        _keep(out, "slabs", fiber_slabs(tissue))
    from .scenes import Stage, deformed_shape, fibers

    stage = Stage()
    runs = [tissue] if isotropic is None else [tissue, isotropic]
    _keep(out, "shape", deformed_shape(stage, tissue, focus, strain_range(runs)))
    if "a0" in tissue.arrays:
        _keep(out, "fibers", fibers(stage, tissue))


def focus_point(tissue: Tetrahedra) -> Floats:
    """The place (3,) mm to look at: the center of the largest piece among the most strained 1 % of the volume."""
    strain = tissue.strain
    order = np.argsort(-strain, kind="stable")
    share = np.cumsum(tissue.volumes[order]) / tissue.volumes.sum()
    top = np.zeros(len(strain), dtype=bool)
    top[order[: max(1, int(np.searchsorted(share, 0.01)))]] = True
    return np.array(spots(tissue, top)[0].center_mm)


def _keep(out: Path, name: str, picture: Picture) -> None:
    (out / f"{name}.png").write_bytes(picture.png)
    (out / f"{name}.txt").write_text(picture.caption, encoding="utf-8")  # last: it says that the picture is whole


def main(arguments: list[str]) -> int:
    """Draw; returns the exit code."""
    try:
        draw(Path(arguments[0]), Path(arguments[1]))
    except FibertwinError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
