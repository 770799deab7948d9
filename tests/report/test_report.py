"""The page: whole, self-contained, escaped, and there whatever is missing."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fibertwin.errors import InputError
from fibertwin.report import write_report
from fibertwin.report.page import _reactions

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks that tags close in turn, and keeps what matters."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[str] = []
        self.addresses: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href"):
                self.addresses.append(value or "")
            if tag == "img" and name == "alt":
                self.images.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def read(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not re.search(r"<script|<link|@import|url\(", text)
    return page


def child_does(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> None:
    """Let the child process that draws run ``code`` as it starts."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_a_whole_report(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    path = write_report(folder)
    assert path == folder / "report.html"
    assert sorted(p.name for p in folder.glob("report*")) == ["report.html"]
    page = read(path)
    summary = json.loads((folder / "summary.json").read_text())
    row = summary["fiber_strain_exceedance"]["white matter"]["5 %"]
    assert row["volume_mL"] > 0
    assert f"{row['volume_mL']:.2f} mL of white matter" in page.words
    assert "An isotropic model puts" in page.words
    assert "Retraction of a <synthetic> brain" in page.words
    assert "Component order xx xy yy xz yz zz <NIfTI 1005>" in page.words
    assert "ab" * 32 in page.words
    for words in ("Green–Lagrange fiber strain on cuts", "first eigenvector", "Fiber axis a0 of every cell", "Newton"):
        assert any(words in alt for alt in page.images), words
    # the cells of both runs are the same, so there is a difference
    assert any("Difference: red where the isotropic model gives too little" in alt for alt in page.images)
    # either the shaded pictures, or why not
    assert any("Deformed shape" in alt for alt in page.images) or "no OpenGL" in page.words


def test_a_failed_run_on_a_machine_without_graphics(
    make_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The renderer kills its process; what needs none is kept."""
    crash = (
        "import os, signal\nfrom fibertwin.report import scenes\n"
        "scenes.Stage.__init__ = lambda self: os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    folder = make_run(isotropic=False, tensors=False, converged=False)
    child_does(monkeypatch, tmp_path / "site", crash)
    path = write_report(folder)
    page = read(path)
    assert '<p class="outcome failed">Failed at 43 %' in path.read_text()
    assert "At 43.0 % of the load, the last state in equilibrium" in page.words
    assert "ended by SIGSEGV" in page.words
    assert any("Green–Lagrange fiber strain on three cuts" in alt for alt in page.images)
    assert not any("Deformed shape" in alt for alt in page.images)
    assert "isotropic model" not in page.words
    assert "first eigenvector" not in page.words


def test_without_pyvista_and_fibers(
    make_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = make_run(isotropic=False, tensors=False)
    summary = json.loads((folder / "summary.json").read_text())
    del summary["fiber_strain_exceedance"]
    for region in summary["regions"].values():
        del region["fields"]["fiber strain"]
    (folder / "summary.json").write_text(json.dumps(summary))
    child_does(monkeypatch, tmp_path / "site", "import sys\nsys.modules['pyvista'] = None\n")
    page = read(write_report(folder))
    assert "There are no fibers in this case" in page.words
    assert "pip install 'fibertwin[view]'" in page.words
    assert any("Distribution over the volume" in alt for alt in page.images)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "does not exist"), ("{", "cannot be read"), ('{"title": "x"}', "no outcome, regions"), ("[]", "no title")],
)
def test_no_report_without_a_summary(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "summary.json").write_text(content)
    with pytest.raises(InputError, match=message):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


CAMERA = """
import sys; sys.path.insert(0, {support!r})
import numpy as np, pyvista
from boxes import box
from fibertwin.report.scenes import Stage
stage, tissue = Stage(), box((2.0, 2.0, 2.0), (1, 1, 1))
for direction in {views}:
    for center, color in (((2.0, 1.0, 1.0), "red"), ((1.0, 2.0, 1.0), "lime"), ((1.0, 1.0, 2.0), "blue")):
        stage.plotter.add_mesh(pyvista.Sphere(0.2, center), color=color, lighting=False)
    image = stage.shoot(np.array(direction), tissue).astype(int)
    for channel in range(3):
        pure = (image[..., channel] > 200) & (image.sum(-1) < 300)
        row, column = (a.mean() for a in np.nonzero(pure)) if pure.any() else (-1, -1)
        print(column / image.shape[1], row / image.shape[0])
"""


def test_the_camera_stands_where_captions_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red marks the patient's right, green the front, blue the top."""
    monkeypatch.setenv("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    support = Path(__file__).parents[1] / "support"
    code = CAMERA.format(support=str(support), views=[[0.1, 1.0, 0.2], [-1.0, 0.1, 0.2]])
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    if ran.returncode == -signal.SIGSEGV:
        pytest.skip("this machine has no OpenGL")
    assert ran.returncode == 0, ran.stderr
    front, left = [[tuple(map(float, line.split())) for line in ran.stdout.splitlines()][i : i + 3] for i in (0, 3)]
    assert front[0][0] < front[1][0]  # from the front the patient's right is on the left
    assert front[2][1] < front[0][1]  # and the top is up
    assert left[1][0] < left[2][0]  # from the patient's left the front is on the left
    assert left[2][1] < left[1][1]


@pytest.mark.parametrize(
    ("more", "words"),
    [({"imbalance": 0.02}, "they differ by"), ({"not_stored_uJ": 2.0}, "heat or is held by what relaxes")],
)
def test_work_that_is_not_stored_is_no_error_where_tissue_relaxes(more: dict[str, float], words: str) -> None:
    told = _reactions({"energy": {"external_work_uJ": 10.0, "stored_energy_uJ": 8.0, **more}})
    assert words in told
