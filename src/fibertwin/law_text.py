"""What the verb ``law`` prints: a study in text or JSON, the list of laws, a law in words."""

import inspect
import json
import math
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fibertwin.constitutive import Material, StrainEnergy
    from fibertwin.law import Study

INTERVALS = 7
"""Into how many parts the printed rows divide a curve."""


def parameters(material: "Material") -> dict[str, str]:
    """The parameters of a material with their units, by name."""
    from fibertwin.constitutive.parameters import annotation

    several = len(material.energies) > 1
    found = {}
    for place, energy in enumerate(material.energies):
        for name, value in energy.parameters.items():
            unit = annotation(type(energy), name)[0].name
            found[f"{place}.{name}" if several else name] = f"{value:.6g} {unit}".strip()
    if not material.incompressible:
        found["bulk_modulus"] = f"{material.bulk_modulus:g} kPa"
    return found


def as_text(study: "Study") -> str:
    """The study for a person."""
    lines = [study.title, f"  {study.source}", ""]
    lines += [f"  {name} = {value}" for name, value in parameters(study.material).items()]
    lines += ["", *_curve_lines(study)]
    lines += [f"  {note}" for note in study.notes]
    if study.fitted is not None and study.data is not None:
        lines += ["", f"Fit to {study.data.title} ({study.data.source}), {study.fitted.starts} first guesses"]
        errors = study.fitted.standard_errors
        lines += [f"  {n} = {v:.6g} ± {errors[n]:.2g}" for n, v in study.fitted.parameters.items()]
        lines += [f"  at its bound: {name}" for name in study.fitted.at_bounds]
        lines += [f"  R² = {value:.4f}  {name}" for name, value in study.fitted.r_squared.items()]
    if study.checks:
        lines += ["", "Checks"]
        lines += [f"  {c.verdict:5}  {c.name} ({c.error:.1e}; {c.detail})" for c in study.checks]
    return "\n".join(lines)


def _curve_lines(study: "Study") -> list[str]:
    lines = []
    for name, curve in study.curves.items():
        step = max(1, (len(curve.amount) - 1) // INTERVALS)
        kind = "shear" if "shear" in name else "J" if name == "volumetric" else "stretch"
        lines.append(f"{name}: {kind}, nominal and Cauchy stress (kPa), stretches of the other two directions")
        for i in range(0, len(curve.amount), step):
            two, three = curve.lateral_stretches[i]
            row = f"{curve.amount[i]:10.4f} {curve.nominal_stress[i]:14.6g} {curve.cauchy_stress[i]:14.6g}"
            lines.append(f"{row} {two:9.5f} {three:9.5f}")
    return lines


def as_json(study: "Study") -> str:
    """The study for a program."""
    found: dict[str, Any] = {"title": study.title, "source": study.source, "parameters": parameters(study.material)}
    found["curves"] = {
        name: {
            "amount": curve.amount.tolist(),
            "nominal_stress_kPa": curve.nominal_stress.tolist(),
            "cauchy_stress_kPa": curve.cauchy_stress.tolist(),
            "lateral_stretches": curve.lateral_stretches.tolist(),
        }
        for name, curve in study.curves.items()
    }
    found["notes"] = study.notes
    if study.checks:
        found["checks"] = [vars(check) for check in study.checks]
    if study.fitted is not None:
        errors = {n: e if math.isfinite(e) else None for n, e in study.fitted.standard_errors.items()}
        found["fit"] = {
            "parameters": study.fitted.parameters,
            "standard_errors": errors,
            "r_squared": study.fitted.r_squared,
            "at_bounds": list(study.fitted.at_bounds),
        }
    return json.dumps(found, indent=1)


def listed(laws: "dict[str, type[StrainEnergy]]") -> str:
    """Laws, published materials and data in one line each."""
    from fibertwin.constitutive.experiments import dataset, names
    from fibertwin.constitutive.presets import PRESETS

    shown = {name: " ".join((inspect.getdoc(law) or "").partition("\n\n")[0].split()) for name, law in laws.items()}
    sections = {
        "Laws": shown,
        "Published materials": {name: preset.title for name, preset in PRESETS.items()},
        "Data": {name: dataset(name).title for name in names()},
    }
    lines = []
    for title, entries in sections.items():
        width = max(map(len, entries))
        lines += [title, *(f"  {name:{width}}  {text}" for name, text in sorted(entries.items())), ""]
    return "\n".join([*lines, "Study one of them: fibertwin law NAME; more: fibertwin law --help"])


def listed_json(laws: "dict[str, type[StrainEnergy]]") -> str:
    """Their names for a program."""
    from fibertwin.constitutive.experiments import names
    from fibertwin.constitutive.presets import PRESETS

    return json.dumps({"laws": sorted(laws), "materials": sorted(PRESETS), "data": names()}, indent=1)


def described(name: str, law: "type[StrainEnergy]") -> str:
    """A law in words: what it is, its source, its parameters with units."""
    from fibertwin.constitutive.parameters import annotation

    text = inspect.getdoc(law) or ""
    needed = [f for f in fields(law) if f.init and f.default is MISSING]
    examples = {f.name: annotation(law, f.name)[0].example for f in needed}
    sets = " ".join(f'--set {n}="{example}"' for n, example in examples.items())
    return f"{name}\n\n{text}\n\nStudy it: fibertwin law {name} {sets} --plot {name}.png".rstrip()
