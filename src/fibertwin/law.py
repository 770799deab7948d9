"""The verb ``law``: a law or a published material without a mesh: its curves, checks, and fits to measured data."""

import argparse
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin.errors import InputError, Problem, SolveError

if TYPE_CHECKING:
    from fibertwin.constitutive import Material, StrainEnergy
    from fibertwin.constitutive.checks import Check
    from fibertwin.constitutive.experiments import Dataset
    from fibertwin.constitutive.fitting import FittedLaw
    from fibertwin.constitutive.point import Fabric
    from fibertwin.constitutive.study import Response

MATERIAL_KEYS = ("energies", "bulk_modulus", "volumetric_part", "active_strain")
EXAMPLE = """examples:
  fibertwin law                                              list laws, published materials and data
  fibertwin law ogden                                        what the law is and what it takes
  fibertwin law myocardium-shear --plot myocardium.png
  fibertwin law ogden --set mu="0.7 kPa" --set alpha=-18 --data budday-cortex --fit --plot cortex.png
  fibertwin law neo-hookean+holzapfel-gasser-ogden --set 0.mu="3 kPa" --set 1.k1="20 kPa" --set 1.k2=5 --check
"""


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    described = "Study a law, several laws in a sum (joined by +), or a published material without a mesh."
    plain = argparse.RawDescriptionHelpFormatter
    law = verbs.add_parser(
        "law", help="study a law without a mesh", description=described, epilog=EXAMPLE, formatter_class=plain
    )
    law.add_argument("name", nargs="?", metavar="NAME", help="a law, or a published material; all are listed without")
    law.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes", help='a parameter: --set mu="3 kPa"'
    )
    law.add_argument("--fa", type=float, default=1.0, help="fractional anisotropy, 0 to 1 (1: aligned fibers)")
    law.add_argument(
        "--stretches", type=float, nargs=2, default=(0.85, 1.2), metavar=("LOW", "HIGH"), help="of the curves"
    )
    law.add_argument("--data", metavar="DATA", help="measured curves: a name of the list, or a TOML file like those")
    law.add_argument("--fit", action="store_true", help="fit the parameters to the data, from those given")
    law.add_argument(
        "--free", action="append", metavar="KEY", help="with --fit: a parameter to fit; all of them without"
    )
    law.add_argument("--check", action="store_true", help="derivatives, symmetries, objectivity, ellipticity")
    law.add_argument("--plot", type=Path, metavar="FILE", help="draw stress against stretch (png, pdf, svg)")
    law.add_argument("--law-file", type=Path, metavar="FILE", help="a Python file with laws of your own")
    law.add_argument("--json", action="store_true", help="print JSON instead of text")
    law.set_defaults(verb=command)


@dataclass
class Study:
    """What is asked and found.

    Attributes:
        title: what it is called.
        source: where it comes from.
        material: the law, alone and incompressible, or the material.
        fabric: its fabric.
        curves: responses by the name of the test.
        notes: what could not be computed.
        data: measured curves.
        checks: properties that were tried.
        fitted: the fit.
    """

    title: str
    source: str
    material: "Material"
    fabric: "Fabric"
    curves: "dict[str, Response]" = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    data: "Dataset | None" = None
    checks: "tuple[Check, ...]" = ()
    fitted: "FittedLaw | None" = None


def command(arguments: argparse.Namespace) -> int:
    """Run the verb and return the exit code.

    Raises:
        InputError: a name, a value, a file or a combination that cannot be.
    """
    from fibertwin import law_text
    from fibertwin.case import plugins

    _check_arguments(arguments)
    modules: tuple[str, ...] = ()
    if arguments.law_file is not None:
        if not arguments.law_file.is_file():
            raise InputError(Problem("--law-file", "is not there", got=str(arguments.law_file), wanted="a Python file"))
        modules = plugins.load(plugins.sources({"plugins": [str(arguments.law_file)]}, Path.cwd()))
    with plugins.seeing(modules):
        if arguments.name is None:
            print(law_text.listed_json(known_laws()) if arguments.json else law_text.listed(known_laws()))
            return 0
        if _only_described(arguments):
            print(law_text.described(arguments.name, known_laws()[arguments.name]))
            return 0
        study = _studied(arguments)
    print(law_text.as_json(study) if arguments.json else law_text.as_text(study))
    if arguments.plot is not None:
        from fibertwin.law_picture import draw

        draw(study, arguments.plot)
        if not arguments.json:
            print(f"\nwrote {arguments.plot}")
    return 0


def _check_arguments(arguments: argparse.Namespace) -> None:
    problems = []
    low, high = arguments.stretches
    if not 0 < low < 1 < high:
        wanted = "two positive numbers, one below and one above 1"
        problems.append(Problem("--stretches", "is no range of stretches", got=f"{low:g} {high:g}", wanted=wanted))
    if not 0 <= arguments.fa <= 1:
        problems.append(Problem("--fa", "is out of range", got=f"{arguments.fa:g}", wanted="0 to 1"))
    if arguments.fit and arguments.data is None:
        problems.append(Problem("--fit", "needs data to fit to", hint="add --data treloar"))
    if arguments.free and not arguments.fit:
        problems.append(Problem("--free", "names what is fitted, but nothing is", hint="add --fit"))
    if arguments.plot is not None and arguments.plot.suffix not in (".png", ".pdf", ".svg"):
        problems.append(Problem("--plot", "is no picture", got=str(arguments.plot), wanted=".png, .pdf or .svg"))
    if arguments.plot is not None and not arguments.plot.absolute().parent.is_dir():
        problems.append(Problem("--plot", "is in a folder that is not there", got=str(arguments.plot)))
    asked = arguments.changes or arguments.fit or arguments.check or arguments.plot or arguments.data
    if arguments.name is None and asked:
        problems.append(Problem("law", "which one? no name is given", hint="fibertwin law lists them"))
    if problems:
        raise InputError(problems)


def _only_described(arguments: argparse.Namespace) -> bool:
    asked = arguments.changes or arguments.fit or arguments.check or arguments.plot or arguments.data or arguments.json
    return not asked and arguments.name in known_laws()


def known_laws() -> "dict[str, type[StrainEnergy]]":
    """Every law by name, those of the law file too."""
    from fibertwin.case import plugins
    from fibertwin.constitutive import StrainEnergy

    return plugins.members(StrainEnergy)


def _studied(arguments: argparse.Namespace) -> Study:
    from fibertwin.constitutive.checks import check
    from fibertwin.constitutive.experiments import dataset
    from fibertwin.constitutive.point import axisymmetric_fabric
    from fibertwin.constitutive.study import ALIGNED

    data = None if arguments.data is None else dataset(arguments.data)
    table, title, source = _table(arguments.name)
    if arguments.fit and data is not None:
        _guess(table, arguments, data)
    material = _read(table, _changes(arguments, table))
    fabric = ALIGNED if arguments.fa == 1 else axisymmetric_fabric((1, 0, 0), arguments.fa)
    study = Study(title, source, material, fabric, data=data)
    if arguments.fit and data is not None:
        from fibertwin.constitutive.fitting import fit

        study.fitted = fit(material, data.experiments, arguments.free, fabric)
        study.material = study.fitted.material
    if arguments.check:
        study.checks = check(study.material)
    _add_curves(study, arguments.stretches)
    return study


def _table(name: str) -> tuple[dict[str, Any], str, str]:
    """The material of a name as a case file would spell it, its title and its source."""
    from fibertwin.case.explain import did_you_mean
    from fibertwin.case.presets import spelled_out
    from fibertwin.constitutive.presets import PRESETS

    if name in PRESETS:
        preset = PRESETS[name]
        return dict(spelled_out(name)), f"{name}: {preset.title}", preset.source
    laws = known_laws()
    parts = name.split("+")
    unknown = next((part for part in parts if part not in laws), None)
    if unknown is not None:
        hint = did_you_mean(unknown, [*laws, *PRESETS]) or "fibertwin law lists them"
        raise InputError(Problem("law", "is neither a law nor a published material", got=unknown, hint=hint))
    source = "; ".join(_source(laws[part]) for part in parts)
    return {"energies": [{"law": part} for part in parts], "bulk_modulus": "incompressible"}, " + ".join(parts), source


def _source(law: type) -> str:
    """The papers that a law's docstring names first; its sentences of words where it names none."""
    about = (inspect.getdoc(law) or "").partition("Attributes:")[0].partition("\n\n")[2]
    text = " ".join(about.replace("``", "").split())
    papers = re.match(r".*?\(doi [^)]*\)(?:; [^.;]*?\d{4}, .*?\(doi [^)]*\))*", text)
    return papers[0] if papers else text


def _changes(arguments: argparse.Namespace, table: Mapping[str, Any]) -> dict[str, Any]:
    from fibertwin.case.toml import parsed

    unclear = [text for text in arguments.changes if "=" not in text]
    if unclear:
        wanted = 'KEY=VALUE, such as mu="3 kPa"'
        raise InputError(Problem("--set", "is not KEY=VALUE", got=text, wanted=wanted) for text in unclear)
    pairs = [(key.strip(), parsed(value.strip())) for key, _, value in (t.partition("=") for t in arguments.changes)]
    return {_full_key(key, len(table["energies"])): value for key, value in pairs}


def _full_key(key: str, energies: int) -> str:
    first = key.partition(".")[0]
    if first in MATERIAL_KEYS:
        return key
    if energies > 1 and not first.isdigit():
        wanted = f"the place of the term before it, 0 to {energies - 1}: 0.{key}"
        raise InputError(Problem("--set", "does not say which term of the sum is meant", got=key, wanted=wanted))
    return f"energies.{key}" if energies > 1 else f"energies.0.{key}"


def _guess(table: dict[str, Any], arguments: argparse.Namespace, data: "Dataset") -> None:
    """Put a first guess where a law of the sum asks for a number and none is given."""
    from dataclasses import MISSING, fields

    from fibertwin.constitutive.parameters import annotation

    laws, given = known_laws(), _changes(arguments, table)
    scale = max(float(abs(e.measured / (abs(e.amounts - 1) + 0.1)).mean()) for e in data.experiments) / 3
    for place, energy in enumerate(table["energies"]):
        law = laws[energy["law"]]
        for name in (f.name for f in fields(law) if f.init and f.default is MISSING):
            unit, _ = annotation(law, name)
            if name not in energy and f"energies.{place}.{name}" not in given:
                energy[name] = unit.write(scale if unit.name == "kPa" else 1.0)


def _read(table: Mapping[str, Any], changes: Mapping[str, Any]) -> "Material":
    """The material of a table, or everything that is wrong with it."""
    from pydantic import ValidationError

    from fibertwin.case.explain import told_of
    from fibertwin.case.plugin_laws import check_laws
    from fibertwin.case.tables import reader_of
    from fibertwin.case.toml import place, replaced, written
    from fibertwin.constitutive import Material
    from fibertwin.constitutive.varying import Varying

    try:
        material: Material = reader_of(Material).validate_python(
            replaced(table, changes), context={"folder": Path.cwd()}
        )
    except ValidationError as error:
        single = len(table["energies"]) == 1
        problems = []
        for line in error.errors(include_url=False):
            told, where = told_of(line), place(line["loc"])
            where = where.removeprefix("energies[0].").removeprefix("energies.0.") if single else where
            bare = line["input"] is None or told.what in ("is missing", "is an unknown key")
            problems.append(Problem(where, told.what, "" if bare else written(line["input"]), told.wanted, told.hint))
        raise InputError(problems) from error
    varying = [name for term in material.parameters for name, value in term.items() if isinstance(value, Varying)]
    if varying:
        raise InputError(Problem(varying[0], "varies in space; a law is studied at a point", wanted="a number"))
    check_laws({"law": material})
    return material


def _add_curves(study: Study, stretches: Sequence[float]) -> None:
    """Compute the curves of all tests; a test that cannot be is told in a note."""
    for name, test in _tests(study.material, study.fabric, stretches).items():
        try:
            study.curves[name] = test()
        except SolveError as error:
            study.notes.append(str(error).replace("uniaxial:", f"{name}:"))


def _tests(material: "Material", fabric: "Fabric", stretches: Sequence[float]) -> dict[str, Any]:
    """The tests that tell something new about a material, by name."""
    import numpy as np

    from fibertwin.constitutive import study

    low, high = stretches
    along, tension = np.linspace(low, high, 71), np.linspace(1, high, 41)
    shear = np.linspace(0, round(high - 1 / high, 1) or 0.1, 41)
    directions = "fsn" if material.needs_sheets else "fs" if material.needs_fibers else "f"
    planes = ("fs", "fn", "sf", "sn", "nf", "ns") if material.needs_sheets else ("fs", "sf", "sn")
    words = _direction_words(material)
    tests: dict[str, Any] = {
        f"uniaxial{words[d]}": lambda d=d: study.uniaxial(material, along, d, fabric) for d in directions
    }
    tests["equibiaxial"] = lambda: study.biaxial(material, tension, fabric=fabric)
    tests["planar tension"] = lambda: study.planar_tension(material, tension, fabric=fabric)
    for plane in planes if material.needs_fibers else planes[:1]:
        name = f"simple shear {plane}" if material.needs_fibers else "simple shear"
        tests[name] = lambda p=plane: study.simple_shear(material, shear, p, fabric)
    if not material.incompressible:
        tests["volumetric"] = lambda: study.volumetric(material, np.linspace(0.9, 1.1, 41), fabric)
    return tests


def _direction_words(material: "Material") -> dict[str, str]:
    if material.needs_sheets:
        return {"f": " along f", "s": " along s", "n": " along n"}
    return {"f": " along the fiber", "s": " across it"} if material.needs_fibers else {"f": ""}
