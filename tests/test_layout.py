"""The house stands as it is drawn: rooms linked into one package, imports one way, a light front door."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "fibertwin"
GROUND_FLOOR = {"errors", "memory", "parallel", "units", "declared", "stack", "jit", "curve", "whole"}
ROOMS: dict[str, set[str]] = {
    "imaging": set(),
    "constitutive": set(),
    "surfaces": {"imaging"},
    "meshes": {"imaging", "surfaces"},
    "solver": {"meshes", "constitutive"},
    "calibration": {"solver", "meshes", "constitutive"},
    "studies": {"case", "log", "report", "worker"},
}
HEAVY = {
    "dolfinx",
    "petsc4py",
    "mpi4py",
    "ufl",
    "dipy",
    "nibabel",
    "gmsh",
    "pyvista",
    "vtk",
    "skimage",
    "matplotlib",
    "scipy",
}
"""What `import fibertwin` may not load."""

LAZY = {
    "pydicom",
    "dipy",
    "nibabel",
    "gmsh",
    "pyvista",
    "vtk",
    "vtkmodules",
    "skimage",
    "matplotlib",
    "h5py",
    "meshio",
    "fast_simplification",
    "SimpleITK",
    "pyacvd",
    "mmgpy",
    "pytetwild",
    "pymeshlab",
    "pymeshfix",
    "SALib",
    "executorlib",
    "submitit",
    "pyarrow",
    "arviz",
    "emcee",
}
"""What comes with an extra: imported inside functions only."""


def sources() -> list[Path]:
    """Every module of the package, by its place in the room."""
    rooms = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    door = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in ROOMS]
    return sorted(rooms + door)


def dotted(path: Path) -> list[str]:
    """The module's name below fibertwin: ``meshes/quality.py`` is ``["meshes", "quality"]``."""
    inside = path.relative_to(PACKAGE) if path.is_relative_to(PACKAGE) else path.relative_to(ROOT)
    parts = list(inside.with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Full names of all that the module imports; those under ``if TYPE_CHECKING`` do not load anything."""
    here = ["fibertwin", *dotted(path)]
    package = here if path.name == "__init__.py" else here[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in _walk(tree, top_level_only):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{source}.{alias.name}" for alias in node.names}
    return found


def _walk(node: ast.AST, top_level_only: bool) -> list[ast.AST]:
    nodes: list[ast.AST] = []
    for child in ast.iter_child_nodes(node):
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if top_level_only and (function or typing):
            continue
        nodes += [child, *_walk(child, top_level_only)]
    return nodes


def neighbors(path: Path) -> set[str]:
    """The parts of fibertwin that the module imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("fibertwin.")}


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_is_linked_into_the_package(room: str) -> None:
    link = PACKAGE / room
    assert link.is_symlink()
    assert link.readlink() == Path("..", "..", room)
    assert (link / "__init__.py").samefile(ROOT / room / "__init__.py")


def test_no_link_leads_elsewhere() -> None:
    assert {path.name for path in PACKAGE.iterdir() if path.is_symlink()} == set(ROOMS)


def test_imports_of_every_kind_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    module = tmp_path / "solver" / "made_up.py"
    module.parent.mkdir()
    module.write_text(
        "import fibertwin.units\nfrom ..meshes import quality\nfrom . import newton\n"
        "def f():\n    import gmsh\nif TYPE_CHECKING:\n    import pyvista\nclass C:\n    import scipy\n"
    )
    top = {"fibertwin.units", "fibertwin.meshes.quality", "fibertwin.solver.newton", "scipy"}
    assert imports(module, top_level_only=True) == top
    assert imports(module) == top | {"gmsh", "pyvista"}
    assert neighbors(module) == {"units", "meshes", "solver"}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room: str) -> None:
    allowed = GROUND_FLOOR | ROOMS[room] | {room}
    astray = {
        f"{'/'.join(dotted(path))} imports fibertwin.{name}"
        for path in sources()
        if dotted(path)[:1] == [room]
        for name in neighbors(path) - allowed
    }
    assert not astray


@pytest.mark.parametrize("floor", sorted(GROUND_FLOOR))
def test_the_ground_floor_knows_only_itself(floor: str) -> None:
    assert neighbors(PACKAGE / f"{floor}.py") <= GROUND_FLOOR


def test_rooms_are_never_imported_by_their_folder_s_name() -> None:
    astray = {str(path): names for path in sources() if (names := imports(path) & set(ROOMS))}
    assert not astray


def test_what_an_extra_brings_is_imported_when_used() -> None:
    astray = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources()
        for name in imports(path, top_level_only=True)
        if name.split(".")[0] in LAZY
    }
    assert not astray


def test_importing_fibertwin_is_light() -> None:
    program = "import fibertwin, json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(done.stdout))


def test_a_run_loads_nothing_before_its_use() -> None:
    """Half of a small run's time was once the import of what it never called."""
    program = "import fibertwin.pipeline, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert "dolfinx" in loaded
    assert not loaded & (LAZY | {"scipy"})


def test_every_module_opens_with_one_sentence() -> None:
    silent = [
        str(path.relative_to(ROOT)) for path in sources() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert not silent


def test_files_can_be_read_in_one_sitting() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources()
        if (lines := len(path.read_text("utf-8").splitlines())) > 400
    }
    assert not long


PROVIDED = {
    "skimage": "scikit-image",
    "fast_simplification": "fast-simplification",
    "annotated_types": "annotated-types",
    "pydantic_core": "pydantic",
    "SimpleITK": "simpleitk",
    "SALib": "salib",
    "vtk": "pyvista",
    "vtkmodules": "pyvista",
}
"""Distributions whose name is not that of the module they bring."""

BROUGHT_BY_DOLFINX = {"dolfinx", "dolfinx_solver", "ufl", "basix", "ffcx", "cffi", "petsc4py", "mpi4py"}


def test_every_library_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [
        name
        for extra in ("imaging", "itk", "meshing", "reconstruction", "view", "studies", "bayes")
        for name in project["optional-dependencies"][extra]
    ]
    declared = {re.split(r"[^a-z0-9-]", name.lower())[0] for name in [*project["dependencies"], *extras]}
    used = {name.split(".")[0] for path in sources() for name in imports(path)}
    own = {"fibertwin", *sys.stdlib_module_names, *BROUGHT_BY_DOLFINX}
    assert {PROVIDED.get(name, name) for name in used - own} <= declared
