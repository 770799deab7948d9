"""Laws in a person's own Python file: named in the case, the same on every rank, and told where they are wrong."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from fibertwin import stages
from fibertwin.case import Case, plugins
from fibertwin.case.document import json_schema
from fibertwin.case.plugins import PREFIX
from fibertwin.case.toml import dump
from fibertwin.constitutive import StrainEnergy
from fibertwin.errors import InputError
from fibertwin.provenance import checksums, provenance

LAW = '''
"""Polynomial solid."""

from dataclasses import dataclass
from typing import Annotated

import ufl
from annotated_types import Gt

from fibertwin.constitutive import StrainEnergy
from fibertwin.units import Unit


@dataclass(frozen=True)
class SquareSolid(StrainEnergy):
    """psi = mu/2 (I1 - 3) + mu2 (I1 - 3)^2.

    Attributes:
        mu: shear modulus at rest.
        mu2: stiffening.
    """

    mu: Annotated[float, Unit("kPa"), Gt(0)]
    mu2: Annotated[float, Unit("kPa")] = 0.0

    def psi(self, kinematics):
        I1 = ufl.tr(kinematics.C_isochoric)
        return self.mu / 2 * (I1 - 3) + self.mu2 * (I1 - 3) ** 2
'''

CASE: dict[str, Any] = {
    "plugins": ["my_law.py"],
    "anatomy": {"type": "block", "size": ["2 mm", "2 mm", "2 mm"], "cells": [1, 1, 1]},
    "materials": {"tissue": {"bulk_modulus": "100 kPa", "energies": [{"law": "square-solid", "mu": "2 kPa"}]}},
    "supports": {
        "base": {"type": "clamp", "surface": "left"},
        "pull": {"type": "prescribed-displacement", "surface": "right", "displacement": ["0.2 mm", "0 mm", "0 mm"]},
    },
    "solve": {"quadrature_degree": 2},
}


def put(folder: Path, law: str = LAW, name: str = "my_law.py", case: dict[str, Any] | None = None) -> Path:
    (folder / name).write_text(law, encoding="utf-8")
    (folder / "case.toml").write_text(dump(CASE if case is None else case), encoding="utf-8")
    return folder / "case.toml"


def told(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        Case.read(path)
    return str(caught.value)


def test_a_law_of_ones_own_is_read_written_and_pickled(tmp_path: Path) -> None:
    case = Case.read(put(tmp_path))
    (energy,) = case.materials["tissue"].energies
    assert type(energy).__name__ == "SquareSolid"
    assert energy.parameters == {"mu": 2.0, "mu2": 0.0}
    assert case.plugins == (tmp_path / "my_law.py",)
    assert pickle.loads(pickle.dumps(case)).materials == case.materials
    (tmp_path / "again.toml").write_text(case.to_toml(), encoding="utf-8")
    assert Case.read(tmp_path / "again.toml").materials == case.materials
    stiff = case.replace({"materials.tissue.energies.0.mu": {"formula": "2 + x**2"}})
    assert stiff.to_dict()["materials"]["tissue"]["energies"][0]["mu"] == {"formula": "2 + x**2", "unit": ""}


def test_a_plugin_is_recorded_with_its_checksum(tmp_path: Path) -> None:
    case = Case.read(put(tmp_path))
    found = provenance(case.to_dict(), checksums(stages.inputs(case)), 1)
    assert set(found["inputs"]) == {str(tmp_path / "my_law.py")}
    assert found["case"]["plugins"] == [str(tmp_path / "my_law.py")]


def test_changes_can_bring_a_plugin(tmp_path: Path) -> None:
    path = put(tmp_path, case={name: part for name, part in CASE.items() if name != "plugins"})
    assert "did you mean" in told(path) or "is not a known law" in told(path)
    case = Case.read(path, {"plugins": ["my_law.py"]})
    assert case.materials["tissue"].energies[0].kind() == "square-solid"


def test_the_same_text_is_run_once_wherever_it_lies(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (Case.read(put(tmp_path / name)) for name in ("one", "two"))
    assert one.materials == two.materials
    assert one.plugins != two.plugins
    assert one.to_dict()["materials"] == two.to_dict()["materials"]


def test_a_file_that_was_changed_is_run_again(tmp_path: Path) -> None:
    before = Case.read(put(tmp_path))
    after = Case.read(
        put(
            tmp_path,
            LAW.replace('mu2: Annotated[float, Unit("kPa")] = 0.0', 'mu2: Annotated[float, Unit("kPa")] = 3.0'),
        )
    )
    assert after.materials["tissue"].energies[0].parameters == {"mu": 2.0, "mu2": 3.0}
    assert before.materials["tissue"].energies[0].parameters == {"mu": 2.0, "mu2": 0.0}


def test_cases_see_only_their_own_plugins(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    Case.read(put(tmp_path / "own"))
    path = put(tmp_path, case={name: part for name, part in CASE.items() if name != "plugins"})
    assert "is not a known law" in told(path)
    assert "square-solid" not in str(json_schema())
    assert all(not kind.__module__.startswith(PREFIX) for kind in plugins.members(StrainEnergy).values())
    assert plugins.members(StrainEnergy).keys() <= StrainEnergy.members().keys()


def test_supports_and_surfaces_can_be_ones_own_too(tmp_path: Path) -> None:
    law = '''
from dataclasses import dataclass
from fibertwin.solver import Clamp

@dataclass(frozen=True)
class HeldAtX(Clamp):
    """Held along x.

    Attributes:
        surface: the surface.
    """

    components: str = "x"
'''
    document = CASE | {"supports": CASE["supports"] | {"more": {"type": "held-at-x", "surface": "top"}}}
    document["plugins"] = ["my_law.py", "my_support.py"]
    put(tmp_path, law, "my_support.py", document)
    case = Case.read(put(tmp_path, case=document))
    assert case.supports["more"].kind() == "held-at-x"
    assert len(case.plugins) == 2


WRONG = {
    "syntax": ("def f(:\n", ("my_law.py, line 1", "is not Python")),
    "name": (LAW + "\nundefined\n", ("my_law.py, line 30", "NameError", "got:    undefined")),
    "import": ("\nimport no_such_module\n", ("my_law.py, line 2", "ModuleNotFoundError", "import no_such_module")),
    "leaves": ("import sys\nsys.exit(3)\n", ("my_law.py, line 2", "SystemExit")),
    "nothing": ("x = 1\n", ("my_law.py", "declares nothing that a case can name", "StrainEnergy")),
    "misspelt psi": (LAW.replace("def psi", "def Psi"), ("my_law.py, line 15", "SquareSolid lacks psi", "misspelt")),
    "no dataclass": (
        LAW.replace("@dataclass(frozen=True)\n", ""),
        ("my_law.py, line 14", "is no dataclass", "put @dataclass(frozen=True)"),
    ),
    "not frozen": (
        LAW.replace("(frozen=True)", ""),
        ("my_law.py, line 14", "non-frozen dataclass", "put @dataclass(frozen=True)"),
    ),
    "no unit": (LAW.replace('mu2: Annotated[float, Unit("kPa")]', "mu2: float"), ("mu2 without a unit", "Annotated")),
    "odd field": (LAW.replace('mu2: Annotated[float, Unit("kPa")] = 0.0', "mu2: ufl.Mesh = None"), ("cannot hold",)),
    "unknown annotation": (LAW.replace('Annotated[float, Unit("kPa")] =', '"Nummer" ='), ("cannot hold", "Nummer")),
    "taken": (LAW.replace("SquareSolid", "NeoHookean"), ('the name "neo-hookean", which is taken',)),
    "wrong psi": (
        LAW.replace("self.mu2 *", "self.mu3 *"),
        ("my_law.py, line 28", "AttributeError", "mu3", "return self.mu"),
    ),
    "no scalar": (
        LAW.replace("return self.mu", "return kinematics.C\n        return self.mu"),
        ("energies[0]", "gives no scalar"),
    ),
    "no number": (LAW.replace("(I1 - 3) ** 2", "ufl.sqrt(2.9 - I1)"), ("energies[0]", "not finite")),
    "a zero byte": ("x = \0", ("is not Python",)),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_plugin_is_told(name: str, tmp_path: Path) -> None:
    law, words = WRONG[name]
    text = told(put(tmp_path, law))
    for word in words:
        assert word in text


def test_a_plugin_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = put(tmp_path)
    (tmp_path / "my_law.py").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in told(path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["my_lew.py"], ("plugins[0]", "does not exist", "did you mean my_law.py?")),
        ("my_law.py", ("plugins: is not a list",)),
        ([3], ("plugins[0]", "is not a file name")),
    ],
)
def test_a_wrong_list_of_plugins_is_told(given: Any, words: tuple[str, ...], tmp_path: Path) -> None:
    text = told(put(tmp_path, case=CASE | {"plugins": given}))
    for word in words:
        assert word in text


def test_a_file_that_failed_can_be_mended(tmp_path: Path) -> None:
    assert "is not Python" in told(put(tmp_path, "def"))
    assert Case.read(put(tmp_path)).materials["tissue"].energies[0].kind() == "square-solid"


@pytest.mark.mpi
def test_every_rank_knows_the_law(comm: Any, shared_path: Path) -> None:
    if comm.rank == 0:
        put(shared_path)
    comm.Barrier()
    case = Case.read(shared_path / "case.toml", comm=comm)
    assert len(set(comm.allgather(case.to_toml()))) == 1
    (energy,) = case.materials["tissue"].energies
    assert len(set(comm.allgather(type(energy).__module__))) == 1


@pytest.mark.mpi
def test_every_rank_is_told_of_a_broken_plugin(comm: Any, shared_path: Path) -> None:
    if comm.rank == 0:
        put(shared_path, LAW + "\nundefined\n")
    comm.Barrier()
    with pytest.raises(InputError, match="NameError") as caught:
        Case.read(shared_path / "case.toml", comm=comm)
    assert len(set(comm.allgather(str(caught.value)))) == 1


@pytest.mark.mpi
def test_a_law_of_ones_own_gives_what_the_built_in_one_gives(comm: Any, shared_path: Path) -> None:
    from fibertwin.solver import solve

    if comm.rank == 0:
        put(shared_path)
    comm.Barrier()
    own = Case.read(shared_path / "case.toml", comm=comm)
    builtin = own.replace({"materials.tissue.energies.0": {"law": "neo-hookean", "mu": "2 kPa"}, "plugins": []})
    energies = []
    for case in (own, builtin):
        anatomy, _ = stages.body(case, None, comm)
        solution = solve(stages.problem(case, anatomy, None), case.solve.stepping)
        assert solution.outcome.converged
        energies.append(solution.stored_energy)
    assert energies[0] > 0
    assert energies[0] == pytest.approx(energies[1], rel=1e-9)
