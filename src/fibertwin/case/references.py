"""What a case file says in one place about another: names of surfaces and regions, laws that need a scan.

Looks at the document as written, so that these problems are told together with all others.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fibertwin.constitutive import Formula, StrainEnergy
from fibertwin.errors import Problem
from fibertwin.meshes import BOUNDARY, TISSUE, AnatomySource, Diffusion, FiberRule, Mask
from fibertwin.solver import Cavity, Load
from fibertwin.solver.formula import FormulaError
from fibertwin.solver.parameters import needs_scan
from fibertwin.units import quoted

from .explain import did_you_mean
from .plugins import members
from .toml import place

Table = Mapping[str, Any]


def unresolved(document: Table) -> list[Problem]:
    """Every reference of a document that leads nowhere."""
    return [
        *_surfaces(document),
        *_loaded_regions(document),
        *_materials(document),
        *_energies(document),
        *_without_scan(document),
        *_floating(document),
        *_seen(document),
    ]


def _section(document: Table, name: str) -> Table:
    section = document.get(name, {})
    return section if isinstance(section, Mapping) else {}


def _anatomy(document: Table) -> type[AnatomySource] | None:
    return members(AnatomySource).get(str(_section(document, "anatomy").get("type")))


def _own_surfaces(document: Table) -> tuple[str, ...] | None:
    """The surfaces that the anatomy brings besides the boundary, where they are known before it is built."""
    anatomy = _anatomy(document)
    return None if anatomy is None else anatomy.own_surfaces


def _regions(document: Table) -> list[str] | None:
    """The regions, where they are known before the anatomy is built: names in a mesh file are not."""
    named = list(_section(document, "regions")) or list(_section(_section(document, "anatomy"), "regions"))
    return named or (None if _own_surfaces(document) is None else [TISSUE])


def _surfaces(document: Table) -> Iterator[Problem]:
    own = _own_surfaces(document)
    if own is None:
        return  # told already, or known when the anatomy has been read
    known = [*_section(document, "surfaces"), *own, BOUNDARY]
    for section in ("supports", "loads"):
        for name, member in _section(document, section).items():
            surface = member.get("surface") if isinstance(member, Mapping) else None
            if isinstance(surface, str) and surface not in known:
                yield _no_such("surface", surface, known, (section, name, "surface"))
    fibers = _section(document, "fibers")
    rule = members(FiberRule).get(str(fibers.get("rule")))
    for key in () if rule is None else rule.surfaces:
        surface = fibers.get(key, getattr(rule, key, None))
        if isinstance(surface, str) and surface not in known:
            yield _no_such("surface", surface, known, ("fibers", key))


def _loaded_regions(document: Table) -> Iterator[Problem]:
    regions = _regions(document)
    for name, load in _section(document, "loads").items():
        region = load.get("region") if isinstance(load, Mapping) else None
        if regions is not None and isinstance(region, str) and region and region not in regions:
            yield _no_such("region", region, regions, ("loads", name, "region"))


def _seen(document: Table) -> Iterator[Problem]:
    """Supports, cavities and regions of what was measured, or could be."""
    offered = members(Load)
    cavities = [
        name
        for name, load in _section(document, "loads").items()
        if isinstance(load, Mapping) and issubclass(offered.get(str(load.get("type")), Load), Cavity)
    ]
    known = {"support": list(_section(document, "supports")), "cavity": cavities, "region": _regions(document)}
    for section in ("measured", "possible"):
        for name, one in _section(_section(document, "calibrate"), section).items():
            for kind, names in known.items():
                given = one.get(kind) if isinstance(one, Mapping) else None
                if names is not None and isinstance(given, str) and given not in names:
                    yield _no_such(kind, given, names, ("calibrate", section, name, kind))


def _materials(document: Table) -> Iterator[Problem]:
    regions = _regions(document)
    if regions is None:
        return
    materials = _section(document, "materials")
    unused = [name for name in materials if name not in regions]
    for name in unused:
        yield _no_such("region", name, [r for r in regions if r not in materials] or regions, ("materials", name))
    for region in regions:
        if region not in materials and "materials" in document and not unused:
            hint = f"add [{place(('materials', region))}]"
            yield Problem(place(("materials", region)), "the region has no material", hint=hint)


def _no_such(kind: str, name: str, known: list[str], where: tuple[int | str, ...]) -> Problem:
    none = "a load of type cavity" if kind == "cavity" else f"a name in [{kind}s], which has none"
    wanted = f"one of {', '.join(known)}" if known else none
    return Problem(place(where), f"no {kind} has this name", quoted(name), wanted, did_you_mean(name, known))


def _energies(document: Table) -> Iterator[Problem]:
    mixed = _formulation(document) != "displacement"
    for name, material in _section(document, "materials").items():
        if not isinstance(material, Mapping):
            continue
        energies = material.get("energies")
        if energies == []:
            hint = 'energies = [{ law = "neo-hookean", mu = "1 kPa" }]'
            yield Problem(place(("materials", name, "energies")), "is empty", wanted="at least one law", hint=hint)
        if material.get("bulk_modulus") == "incompressible" and not mixed:
            where = place(("materials", name, "bulk_modulus"))
            what = "a displacement formulation cannot hold the volume exactly"
            yield Problem(where, what, '"incompressible"', "a number", 'solve.formulation = "taylor-hood"')


def _without_scan(document: Table) -> Iterator[Problem]:
    """What looks at a scan where there is none."""
    by_rule = "fibers" in document
    if "diffusion" in document:
        if by_rule:
            what = "is a second source of fibers beside [diffusion]"
            yield Problem("fibers", what, wanted="one of the two", hint="leave [fibers] out to use the scan")
        return
    hint = "add [diffusion]"
    source = _anatomy(document)
    own = source is not None and source.may_bring_fibers(_section(document, "anatomy"))
    fibrous = by_rule or own
    laws = members(StrainEnergy)
    for name, material in _section(document, "materials").items():
        energies = material.get("energies") if isinstance(material, Mapping) else None
        for index, energy in enumerate(energies if isinstance(energies, list) else []):
            law = laws.get(str(energy.get("law"))) if isinstance(energy, Mapping) else None
            if law is None:
                continue
            where = ("materials", name, "energies", index)
            if law.needs_fibers and not fibrous:
                or_rule = f"{hint}, or [fibers] with a rule"
                yield Problem(place(where), f"{law.kind()} has fibers, but there is no scan", hint=or_rule)
            for key, value in energy.items():
                for formula in value if isinstance(value, list) else [value]:
                    if isinstance(formula, Mapping) and _looks_at_scan(formula.get("formula")):
                        what = "looks at the diffusion tensors, but there is no scan"
                        yield Problem(place((*where, key)), what, quoted(str(formula["formula"])), hint=hint)
        active = isinstance(material, Mapping) and isinstance(material.get("active_strain"), Mapping)
        if active and not fibrous:
            yield Problem(place(("materials", name, "active_strain")), "needs fibers, but there is no scan", hint=hint)
    for name, rule in _section(document, "regions").items():
        if isinstance(rule, Mapping) and rule.get("select") == Diffusion.kind():
            yield Problem(place(("regions", name)), "looks at the diffusion tensors, but there is no scan", hint=hint)
    if _anatomy(document) is Mask and "file" not in _section(document, "anatomy"):
        yield Problem("anatomy.file", "is missing, and there is no scan whose mask could be taken", hint=hint)


def _looks_at_scan(formula: object) -> bool:
    try:
        return isinstance(formula, str) and needs_scan(Formula(formula))
    except FormulaError:
        return False  # told where it is read


def _formulation(document: Table) -> object:
    given = _section(document, "solve").get("formulation")
    return given.get("type") if isinstance(given, Mapping) else given


def _floating(document: Table) -> Iterator[Problem]:
    if "supports" in document and not _section(document, "supports"):
        hint = 'hold a surface: base = { type = "clamp", surface = "…" }'
        yield Problem("supports", "nothing holds the body, so it floats", wanted="at least one support", hint=hint)
