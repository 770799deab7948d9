"""What a case file says in one place about another: names of surfaces and regions, laws that need a scan.

Looks at the document as written, so that these problems are told together with all others.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fibertwin.constitutive import StrainEnergy
from fibertwin.errors import Problem
from fibertwin.meshes import BOUNDARY, TISSUE, AnatomySource, Block, Diffusion, Mask
from fibertwin.meshes.sources import BLOCK_FACES
from fibertwin.units import quoted

from .explain import did_you_mean
from .plugins import members
from .toml import place

Table = Mapping[str, Any]

OWN_SURFACES: Mapping[type[AnatomySource] | None, tuple[str, ...]] = {
    Block: tuple(name for pair in BLOCK_FACES for name in pair),
    Mask: (),
}
"""Anatomies whose names are known before they are built, and the surfaces that they bring besides the boundary."""


def unresolved(document: Table) -> list[Problem]:
    """Every reference of a document that leads nowhere."""
    return [
        *_surfaces(document),
        *_materials(document),
        *_energies(document),
        *_without_scan(document),
        *_floating(document),
    ]


def _section(document: Table, name: str) -> Table:
    section = document.get(name, {})
    return section if isinstance(section, Mapping) else {}


def _anatomy(document: Table) -> type[AnatomySource] | None:
    return members(AnatomySource).get(str(_section(document, "anatomy").get("type")))


def _surfaces(document: Table) -> Iterator[Problem]:
    anatomy = _anatomy(document)
    if anatomy not in OWN_SURFACES:
        return  # told already, or known when the anatomy has been read
    known = [*_section(document, "surfaces"), *OWN_SURFACES[anatomy], BOUNDARY]
    for section in ("supports", "loads"):
        for name, member in _section(document, section).items():
            surface = member.get("surface") if isinstance(member, Mapping) else None
            if isinstance(surface, str) and surface not in known:
                yield _no_such("surface", surface, known, (section, name, "surface"))


def _materials(document: Table) -> Iterator[Problem]:
    anatomy = _anatomy(document)
    if anatomy not in OWN_SURFACES and not _section(document, "regions"):
        return  # the names come from the mesh file
    regions = list(_section(document, "regions")) or [TISSUE]
    materials = _section(document, "materials")
    unused = [name for name in materials if name not in regions]
    for name in unused:
        yield _no_such("region", name, [r for r in regions if r not in materials] or regions, ("materials", name))
    for region in regions:
        if region not in materials and "materials" in document and not unused:
            hint = f"add [{place(('materials', region))}]"
            yield Problem(place(("materials", region)), "the region has no material", hint=hint)


def _no_such(kind: str, name: str, known: list[str], where: tuple[int | str, ...]) -> Problem:
    wanted = f"one of {', '.join(known)}" if known else f"a name in [{kind}s], which has none"
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
    if "diffusion" in document:
        return
    hint = "add [diffusion]"
    laws = members(StrainEnergy)
    for name, material in _section(document, "materials").items():
        energies = material.get("energies") if isinstance(material, Mapping) else None
        for index, energy in enumerate(energies if isinstance(energies, list) else []):
            law = laws.get(str(energy.get("law"))) if isinstance(energy, Mapping) else None
            if law is not None and law.needs_fibers:
                where = place(("materials", name, "energies", index))
                yield Problem(where, f"{law.kind()} has fibers, but there is no scan", hint=hint)
    for name, rule in _section(document, "regions").items():
        if isinstance(rule, Mapping) and rule.get("select") == Diffusion.kind():
            yield Problem(place(("regions", name)), "looks at the diffusion tensors, but there is no scan", hint=hint)
    if _anatomy(document) is Mask and "file" not in _section(document, "anatomy"):
        yield Problem("anatomy.file", "is missing, and there is no scan whose mask could be taken", hint=hint)


def _formulation(document: Table) -> object:
    given = _section(document, "solve").get("formulation")
    return given.get("type") if isinstance(given, Mapping) else given


def _floating(document: Table) -> Iterator[Problem]:
    if "supports" in document and not _section(document, "supports"):
        hint = 'hold a surface: base = { type = "clamp", surface = "…" }'
        yield Problem("supports", "nothing holds the body, so it floats", wanted="at least one support", hint=hint)
