"""What a case would run, told before it runs: mesh size, unknowns, memory, what is assumed of the scan."""

from typing import TYPE_CHECKING

from fibertwin import imaging, stages
from fibertwin.case import Case, DiffusionScan
from fibertwin.constitutive import Material, Varying
from fibertwin.errors import InputError, Problem
from fibertwin.imaging import VoxelMask
from fibertwin.meshes import Block, GreyImage, Mask
from fibertwin.parallel import on_root
from fibertwin.solver import Cavity, Displacement, Formulation, Load, SurfaceLoad, VolumeLoad
from fibertwin.solver.parameters import examine, source_of

if TYPE_CHECKING:
    from mpi4py import MPI

CELLS_PER_CUBED_EDGE = 4.2
"""Tetrahedra in the volume of a cube of one ``edge``, as a mask is meshed (measured on whole brains)."""

VERTICES_PER_CELL, EDGES_PER_CELL = 0.216, 1.307
"""Of tetrahedral meshes of solid bodies (the same measurement)."""

MEMORY_PER_RANK, MEMORY_PER_UNKNOWN = 300e6, 6e3
"""Bytes: libraries on each rank; tangent, multigrid and fields (measured on 10⁵ unknowns)."""


def plan(case: Case, comm: "MPI.Comm") -> str:
    """Sentences on what running the case would mean; checks the scan's files and headers on the way. Collective.

    Raises:
        InputError: on every rank, something is wrong with the input.
    """
    return on_root(comm, lambda: "\n".join(_lines(case, comm.size)))


def _lines(case: Case, ranks: int) -> list[str]:
    lines = [case.title or "untitled case", *_scan(case)]
    case.anatomy.check()
    cells = _cells(case)
    if cells is None:
        lines.append(f"anatomy: {case.anatomy.kind()}; its size is known when it is made")
    else:
        count, unknowns = cells, _unknowns(*_nodes(case, cells), case.solve.formulation)
        memory = (ranks * MEMORY_PER_RANK + unknowns * MEMORY_PER_UNKNOWN) / 1e9
        lines.append(f"anatomy: {case.anatomy.kind()}, about {count:,} {getattr(case.anatomy, 'cell', 'tetrahedra')}")
        lines.append(f"unknowns: about {unknowns:,}; memory: about {memory:.1f} GB on {ranks} rank{'s' * (ranks > 1)}")
    examine(case.materials)
    for region, material in case.materials.items():
        lines += _material(region, material)
    lines += [f"support {name}: {support.kind()} on {support.surface}" for name, support in case.supports.items()]
    lines += [f"load {name}: {load.kind()} {_at(load)}" for name, load in case.loads.items()]
    if case.unload is not None:
        lines.append(f"unload: the image shows the body under its loads at {case.unload.at:g} s")
    lines += _pace(case)
    lines += _calibration(case)
    lines.append(f"formulation: {case.solve.formulation.kind()}, quadrature degree {case.solve.quadrature_degree}")
    return lines


def _calibration(case: Case) -> list[str]:
    """What is free, what was measured, and what could be."""
    asked = case.calibrate
    if asked is None:
        return []
    asked.examine(case.to_dict())
    if asked.field is not None:
        lines = [f"calibrate: {asked.field.number} in every cell, alike over {asked.field.length:g} mm"]
    else:
        lines = [f"calibrate: {name}" for name in asked.space(case.to_dict()).names]
    for name, one in asked.measured.items():
        values = one.numbers()[0]
        missing = sum(value != value for value in values)  # nan
        lines.append(f"measured {name}: {one.kind()}, {len(values)} numbers" + f", {missing} missing" * (missing > 0))
    return [
        *lines,
        *(f"possible {name}: {one.kind()}, {len(one.sds())} numbers" for name, one in asked.possible.items()),
    ]


def _material(region: str, material: Material) -> list[str]:
    """The laws of a region, and the numbers that vary in it."""
    laws = " + ".join(energy.kind() for energy in material.energies)
    bulk = "incompressible" if material.incompressible else f"bulk modulus {material.bulk_modulus} kPa"
    active = ", active strain" if material.active_strain is not None else ""
    times = ", ".join(f"{branch.time:g} s" for branch in material.relaxation)
    relaxes = f", relaxes in {times}" if times else ""
    return [
        f"material of {region}: {laws}, {bulk} ({material.volumetric_part}){active}{relaxes}",
        *(
            f"    {name} from {source_of(value)}"
            for term in material.terms
            for name, value in term.parameters.items()
            if isinstance(value, Varying)
        ),
    ]


def _pace(case: Case) -> list[str]:
    """How the time steps compare with what relaxes; how long they are where cavities are joined to circuits."""
    times = [branch.time for material in case.materials.values() for branch in material.relaxation]
    step = case.solve.stepping.largest * case.solve.stepping.end
    if not times:
        return [f"time steps of up to {step:g} s"] if any(load.remembers for load in case.loads.values()) else []
    coarse = "" if step <= min(times) else ", which is shorter: solve.stepping.largest makes them smaller"
    return [f"time steps of up to {step:g} s; the shortest relaxation time is {min(times):g} s{coarse}"]


def _at(load: Load) -> str:
    """Where a load acts."""
    if isinstance(load, Cavity) and load.circuit is not None:
        return f"on {load.surface}, joined to a {load.circuit.kind()}"
    if isinstance(load, VolumeLoad):
        return f"in {load.region or 'the whole body'}"
    return f"on {load.surface}" if isinstance(load, SurfaceLoad) else ""


def _scan(case: Case) -> list[str]:
    """What is read and what is assumed of it; tensor volumes are read and tested, a scan is opened only."""
    source = case.diffusion
    if source is None:
        if case.fibers is not None:
            return [f"no scan: fibers by {case.fibers.kind()}"]
        own = case.anatomy.may_bring_fibers(vars(case.anatomy))
        return ["no scan: fibers as the mesh file has them" if own else "no scan: tissue without fibers"]
    stages.transform(source)  # raises where the file is wrong
    if isinstance(source, DiffusionScan):
        scan = imaging.open_scan(source.dwi, source.bvals, source.bvecs, bvec_frame=source.bvec_frame)
        shape = " × ".join(str(n) for n in scan.shape)
        plain = len(scan.b0)
        weighting = f"{plain} volumes without weighting and {len(scan.bvals) - plain} with"
        lines = [f"scan: {source.dwi.name}, {shape} voxels, {weighting}"]
        return [*lines, *(f"assumed: {sentence}" for sentence in scan.assumptions)]
    image = stages.read(source)
    report = imaging.orientation_check(image, force=source.force_orientation)
    return [*(f"assumed: {sentence}" for sentence in image.assumptions), stages.spoken(report), *report.warnings]


def _cells(case: Case) -> int | None:
    anatomy = case.anatomy
    if isinstance(anatomy, Block):
        x, y, z = anatomy.cells
        return (1 if anatomy.cell == "hexahedra" else 6) * x * y * z
    if isinstance(anatomy, Mask | GreyImage):
        volume = _mask(case, anatomy).volume
        return round(CELLS_PER_CUBED_EDGE * volume / anatomy.edge**3)
    return None


def _mask(case: Case, anatomy: Mask | GreyImage) -> VoxelMask:
    if anatomy.file is not None:
        return anatomy.voxels()
    if case.diffusion is None:
        raise InputError(Problem("anatomy.file", "there is no mask", hint="give file, or [diffusion]"))
    return stages.body_mask(case.diffusion)


def _nodes(case: Case, cells: int) -> tuple[int, int]:
    """Vertices, and nodes of quadratic elements: exact for a block, estimated else."""
    if isinstance(case.anatomy, Block):
        x, y, z = case.anatomy.cells
        return (x + 1) * (y + 1) * (z + 1), (2 * x + 1) * (2 * y + 1) * (2 * z + 1)
    vertices = round(VERTICES_PER_CELL * cells)
    return vertices, vertices + round(EDGES_PER_CELL * cells)


def _unknowns(vertices: int, nodes: int, formulation: Formulation) -> int:
    if isinstance(formulation, Displacement):
        return 3 * (vertices if formulation.degree == 1 else nodes)
    return 3 * nodes + vertices
