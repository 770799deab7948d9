"""Is this machine fit for fibertwin? Each check really does the thing, in a process of its own where it may crash."""

import importlib.metadata
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fibertwin import jit
from fibertwin.errors import InputError

GRAPHICS_PACKAGES = "libgl1 libglu1-mesa libegl1 libxrender1 libxcursor1 libxft2 libxinerama1"
"""Debian's and Ubuntu's packages of the libraries that the gmsh and VTK wheels load."""

PATIENCE = 180
"""Seconds that one check may take; a first import from a slow disk takes its time."""

OPTIONAL = ("itk", "reconstruction", "studies", "bayes")
"""Extras that a machine is fit without."""

_LAUNCHED = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")

_STACK = """
import json
import fibertwin.stack
from mpi4py import MPI
from petsc4py import PETSc
mpi = " ".join(MPI.Get_library_version().splitlines()[0].split("\\x00")[0].split())
print(json.dumps([fibertwin.stack.version, ".".join(map(str, PETSc.Sys.getVersion())), mpi]))
"""

_COMPILE = """
import fibertwin.stack
from fibertwin import jit
from mpi4py import MPI
import ufl
from dolfinx import fem, mesh
square = mesh.create_unit_square(MPI.COMM_WORLD, 2, 2)
area = fem.form(fem.Constant(square, 1.0) * ufl.dx, jit_options=jit.options())
total = MPI.COMM_WORLD.allreduce(fem.assemble_scalar(area))
if MPI.COMM_WORLD.rank == 0:
    print(f"area {total:.6f} on {MPI.COMM_WORLD.size} ranks")
"""

_GMSH = """
import gmsh
gmsh.initialize(interruptible=False)
print(gmsh.option.getString("General.Version"))
gmsh.finalize()
"""

_RENDER = """
import pyvista
plotter = pyvista.Plotter(off_screen=True, window_size=(64, 64))
plotter.add_mesh(pyvista.Sphere(), color="red")
picture = plotter.screenshot(return_img=True)
assert picture.std() > 1, "the picture is blank"
print(type(plotter.render_window).__name__)
"""


@dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes:
        name: what was checked.
        ok: whether fibertwin can work with it.
        detail: what was found, in a few words.
        remedy: what to do where ``ok`` is false.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def run_checks() -> list[Check]:
    """Check everything; takes about ten seconds. Local: call it outside MPI, as it starts two ranks itself."""
    return [
        _python(),
        _compiler(),
        _cache(),
        _stack(),
        _two_ranks(),
        _probe("gmsh", _GMSH, f"pip install 'fibertwin[meshing]'; apt-get install {GRAPHICS_PACKAGES}"),
        _probe("rendering", _RENDER, f"pip install 'fibertwin[view]'; apt-get install {GRAPHICS_PACKAGES}"),
        *_packages(),
    ]


def table(checks: list[Check]) -> str:
    """The checks as plain text, a line each and a line for each remedy."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{'ok ' if check.ok else 'BAD'}  {check.name:<{width}}  {check.detail}")
        if not check.ok:
            lines.append(f"     {'':<{width}}  try: {check.remedy}")
    return "\n".join(lines)


def main() -> int:
    """Print what was found; 0 where all is well, 2 where something is not."""
    checks = run_checks()
    print(table(checks))
    bad = [check.name for check in checks if not check.ok]
    print(f"\nnot well: {', '.join(bad)}" if bad else "\nall is well")
    return 2 if bad else 0


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    headers = Path(sysconfig.get_path("include"), "Python.h")
    remedy = f"apt-get install python{version.rpartition('.')[0]}-dev, or a Python that carries its headers"
    if headers.is_file():
        return Check("Python", True, f"{version}, headers in {headers.parent}")
    return Check("Python", False, f"{version} without its headers: no {headers}", remedy)


def _compiler() -> Check:
    remedy = "apt-get install gcc libc6-dev, or set CC to a C compiler"
    configured = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()
    flags = jit.compiler_flags()
    source = "#include <math.h>\nint main(void) { return 0; }\n"
    with tempfile.TemporaryDirectory() as folder:
        command = [*configured, *flags, "-x", "c", "-", "-o", str(Path(folder, "out"))]
        try:
            done = subprocess.run(command, input=source, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except OSError as error:
            return Check("C compiler", False, f"{configured[0]} does not run: {error.strerror}", remedy)
    named = f"{configured[0]} {' '.join(flags)}"
    if done.returncode:
        return Check("C compiler", False, f"{named}: {_last_line(done.stderr)}", f"{remedy}; see {jit.FLAGS_VARIABLE}")
    return Check("C compiler", True, named)


def _cache() -> Check:
    """The cache of compiled forms: writable, and free of what killed compiles left."""
    try:
        folder = Path(str(jit.options()["cache_dir"]))
    except InputError as error:
        problem = error.problems[0]
        return Check("JIT cache", False, f"{problem.where}: {problem.what} ({problem.got})", problem.hint)
    cleared, live = jit.clear_dead(folder), jit.half_made(folder)
    found = [f"{len(list(folder.glob('*.so')))} forms"]
    if cleared:
        found.append(f"cleared what {len(cleared)} killed compiles left")
    found.extend(f"{owner} is compiling {name}" for name, owner in live.items())
    return Check("JIT cache", True, f"{folder}, {', '.join(found)}")


def _stack() -> Check:
    ok, said = _run([sys.executable, "-c", _STACK])
    if not ok:
        return Check("DOLFINx", False, said, "pip install 'fibertwin[wheel]', or see docs/install.md")
    dolfinx, petsc, mpi = json.loads(said)
    return Check("DOLFINx", True, f"{dolfinx}, PETSc {petsc}, {mpi}")


def _two_ranks() -> Check:
    """Two ranks that share one compiled form."""
    name = "MPI, 2 ranks"
    if any(variable in os.environ for variable in _LAUNCHED):
        return Check(name, False, "not tried: this is running under mpirun already", "run fibertwin doctor by itself")
    beside = Path(sys.executable).with_name("mpirun")
    mpirun = str(beside) if beside.exists() else shutil.which("mpirun")
    if mpirun is None:
        return Check(name, False, "no mpirun beside this Python or on the PATH", "pip install 'fibertwin[wheel]'")
    ok, said = _run([mpirun, "-n", "2", sys.executable, "-c", _COMPILE])
    wanted = "area 1.000000 on 2 ranks"
    remedy = f"use the mpirun that belongs to this Python's mpi4py; {mpirun} was tried"
    return Check(name, ok and said == wanted, said, remedy)


def _probe(name: str, program: str, remedy: str) -> Check:
    return Check(name, *_run([sys.executable, "-c", program]), remedy)


def _run(command: list[str]) -> tuple[bool, str]:
    """Whether ``command`` succeeded, and the last line it said. A crash is an answer like any other."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return False, f"no answer within {PATIENCE} s"
    if done.returncode < 0:
        return False, f"crashed ({signal.Signals(-done.returncode).name})"
    return done.returncode == 0, _last_line(done.stdout if done.returncode == 0 else done.stderr)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")


def _packages() -> list[Check]:
    """The versions of what fibertwin needs, group by group as its metadata lists them."""
    groups: dict[str, list[str]] = {}
    for requirement in importlib.metadata.requires("fibertwin") or []:
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"](\w+)['\"]", requirement)
        groups.setdefault(extra[1] if extra else "", []).append(name)
    skipped = ("all", "dev", "wheel")  # a bundle, a developer's tools, and one of several ways to get DOLFINx
    return [_group(extra, names) for extra, names in groups.items() if extra not in skipped]


def _group(extra: str, names: list[str]) -> Check:
    versions = {name: _version(name) for name in names}
    lacking = "not installed (optional)" if extra in OPTIONAL else "missing"
    detail = ", ".join(f"{name} {version or lacking}" for name, version in versions.items())
    wanted = f"fibertwin[{extra}]" if extra else "fibertwin"
    fit = all(versions.values()) or extra in OPTIONAL
    return Check(f"packages, {extra or 'core'}", fit, detail, f"pip install '{wanted}'")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
