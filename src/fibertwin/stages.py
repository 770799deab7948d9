"""The stages between a case file and a solvable problem: tensors, body, fibers. Each is collective."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin import imaging
from fibertwin.case import Case, DiffusionScan, DiffusionSource, Eigenvectors, TensorVolume
from fibertwin.errors import SolveError
from fibertwin.imaging import OrientationReport, TensorFile, TensorImage, VoxelMask
from fibertwin.imaging.brain_mask import mask_of
from fibertwin.imaging.volumes import read_mask
from fibertwin.log import logger, progress
from fibertwin.meshes import (
    Anatomy,
    FiberField,
    file_fibers,
    fit_fibers,
    name_surfaces,
    sample_fibers,
    tag_regions,
    uniform_fibers,
)
from fibertwin.parallel import on_root, only_root, together
from fibertwin.solver import Problem
from fibertwin.solver.parameters import examine, looked_up

if TYPE_CHECKING:
    from mpi4py import MPI


@dataclass(frozen=True)
class Tensors:
    """The scan's tensors, on disk, and what is known about them.

    Attributes:
        file: the tensors, of which each rank reads its own part.
        mask: voxels of the body.
        quality: numbers for ``summary.json``.
    """

    file: TensorFile
    mask: VoxelMask
    quality: dict[str, Any]


def tensors(case: Case, out: Path, comm: "MPI.Comm") -> Tensors | None:
    """Fit or read the tensors, test their orientation, write them to ``tensors.nii``. Collective.

    Raises:
        InputError: on every rank.
    """
    source = case.diffusion
    if source is None:
        return None
    move = on_root(comm, lambda: transform(source))  # before the fit: a wrong file is told at once
    image = _fitted(source, comm) if isinstance(source, DiffusionScan) else only_root(comm, lambda: read(source))
    path, mask, quality = on_root(comm, lambda: _checked(image, source, move, out))
    for sentence in quality["assumptions"]:
        logger.info("assumed: %s", sentence)
    for warning in quality["orientation"]["warnings"]:
        logger.warning("%s", warning)
    return Tensors(imaging.open_tensors(path), mask, quality)


def _fitted(source: DiffusionScan, comm: "MPI.Comm") -> TensorImage | None:
    """Fit a scan, each rank a slab of its slices; the whole on rank 0, None elsewhere. Collective."""
    mask = on_root(comm, lambda: scan_mask(source)).inside
    first, last = imaging.slab_bounds(mask, comm.size)[comm.rank]
    with progress("fit tensors", 1.0, comm.rank) as bar:
        slab = together(
            comm,
            lambda: imaging.fit_tensors(
                source.dwi,
                source.bvals,
                source.bvecs,
                mask=mask,
                bvec_frame=source.bvec_frame,
                max_b=source.max_b,
                slab=(first, last),
                progress=bar.reached,
            ),
        )
    slabs = comm.gather(slab)
    return imaging.join_slabs(slabs) if comm.rank == 0 else None


def scan_mask(source: DiffusionScan) -> VoxelMask:
    """The body as a scan shows it: the voxels to fit. Not collective."""
    scan = imaging.open_scan(source.dwi, source.bvals, source.bvecs, bvec_frame=source.bvec_frame)
    if source.mask == "brain":
        inside = mask_of(scan)
    elif source.mask == "signal":
        inside = scan.volume(scan.b0[0]) > 0
    else:
        inside = read_mask(source.mask, scan.affine, scan.shape)
    return VoxelMask(inside, scan.affine, "the scan's mask")


def body_mask(source: DiffusionSource) -> VoxelMask:
    """The body as a scan or a tensor volume shows it, in the mesh's space. Not collective.

    Raises:
        InputError: as by a run.
    """
    if isinstance(source, DiffusionScan):
        mask = scan_mask(source)
    else:
        image = read(source)
        mask = VoxelMask(image.mask, image.affine, "the tensors' mask")
    move = transform(source)
    return mask if move is None else VoxelMask(mask.inside, move @ mask.affine, mask.source)


def read(source: DiffusionSource) -> TensorImage:
    """Read a ready-made tensor volume. Not collective."""
    mask = None if isinstance(source.mask, str) else source.mask  # such a volume holds the brain and nothing else
    if isinstance(source, TensorVolume):
        return imaging.read_tensors(
            source.tensor,
            convention=source.convention,
            order=source.order,
            frame=source.frame,
            units=source.units,
            mask=mask,
            grid=source.grid,
        )
    if isinstance(source, Eigenvectors):
        return imaging.read_eigen(source.v1, fa=source.fa, md=source.md, frame=source.frame, mask=mask)
    raise TypeError(f"no reader for {type(source).__name__}")


def transform(source: DiffusionSource) -> Any | None:
    """The map (4, 4) from the image's RAS+ mm to the mesh's; None where the case names none. Not collective."""
    if source.transform is None:
        return None
    return imaging.read_transform(source.transform, source.transform_from, source.transform_to)


def _checked(
    image: TensorImage | None, source: DiffusionSource, move: Any | None, out: Path
) -> tuple[Path, VoxelMask, dict[str, Any]]:
    """Test, move into the mesh's space and write a whole image. Rank 0 only."""
    assert image is not None
    report = imaging.orientation_check(image, force=source.force_orientation)
    if move is not None:
        image = imaging.transformed(image, move, source.reorientation)
    try:
        path = imaging.write_tensors(image, out / "tensors.nii")
    except OSError as error:
        raise SolveError(f"{out / 'tensors.nii'} cannot be written: {error.strerror or error}.") from error
    mask = VoxelMask(image.mask, image.affine, "the scan's mask")
    return path, mask, _quality(image, report)


def _quality(image: TensorImage, report: OrientationReport) -> dict[str, Any]:
    found = imaging.tensor_quality(image)
    return {
        **asdict(found),
        "voxels": found.valid_voxels,
        "repaired": found.repaired_voxels,
        "mask_mL": found.mask_volume / 1e3,
        "orientation": {
            "sentence": spoken(report),
            "given": report.coherence,
            "best": report.best,
            "best_index": report.best_coherence,
            "index": report.scores,
            "warnings": list(report.warnings),
        },
        "assumptions": list(image.assumptions),
    }


def spoken(report: OrientationReport) -> str:
    """The orientation test's result in a sentence."""
    if report.good:
        return (
            f"Of all axis flips and permutations the orientation as given is the best (index {report.coherence:.3f})."
        )
    return f"{report.best} fits better (index {report.best_coherence:.3f}) than as given ({report.coherence:.3f})."


def body(case: Case, scan: Tensors | None, comm: "MPI.Comm") -> tuple[Anatomy, FiberField | None]:
    """Build the anatomy, name its surfaces, sample the fibers or follow their rule, name its regions. Collective.

    Raises:
        InputError: on every rank.
    """
    on_root(comm, lambda: examine(case.materials))
    anatomy = case.anatomy.build(comm, None if scan is None else scan.mask)
    if case.surfaces:
        anatomy = name_surfaces(anatomy, case.surfaces)
    fibers = _fibers(case, anatomy, scan)
    if case.regions:
        anatomy = tag_regions(anatomy, case.regions, fibers)
    for note in (*anatomy.notes, *(fibers.notes if fibers is not None else ())):
        logger.info("%s", note)
    return anatomy, fibers


def _fibers(case: Case, anatomy: Anatomy, scan: Tensors | None) -> FiberField | None:
    """Fibers of the scan, else by the case's rule, else as the mesh file has them. Collective."""
    degree = case.solve.quadrature_degree
    named = (scan is not None and case.diffusion is not None) or case.fibers is not None
    if named and anatomy.fibers is not None:
        logger.info("fibers come from the %s; those of the mesh file are left", "rule" if scan is None else "scan")
    if scan is not None and case.diffusion is not None:
        fit = case.diffusion.fit
        if fit is None:
            return sample_fibers(anatomy.mesh, scan.file, degree, radius=case.diffusion.radius)
        return fit_fibers(anatomy.mesh, scan.file, degree, fit).fibers
    return case.fibers.fibers(anatomy, degree) if case.fibers is not None else file_fibers(anatomy, degree)


def problem(case: Case, anatomy: Anatomy, fibers: FiberField | None) -> Problem:
    """What the case asks to be solved, with the numbers that vary looked up in the body as it was imaged. Collective.

    Raises:
        InputError: on every rank, where such numbers are not to be had.
    """
    asked = Problem(
        anatomy=anatomy,
        materials=case.materials,
        supports=case.supports,
        loads=case.loads,
        fibers=fibers,
        formulation=case.solve.formulation,
        quadrature_degree=case.solve.quadrature_degree,
    )
    return looked_up(asked)


def isotropic(patient: Problem) -> Problem:
    """The same problem for tissue whose fibers run in every direction alike: H = I/3, κ = 1/3.

    Numbers that vary with FA or MD stay the patient's.
    """
    fibers = uniform_fibers(patient.anatomy.mesh, patient.quadrature_degree, fa=0.0)
    if patient.fibers is not None:
        fibers = replace(fibers, tensors=patient.fibers.tensors)
    return replace(
        patient,
        materials={name: material.isotropic() for name, material in patient.materials.items()},
        fibers=fibers,
    )


def inputs(case: Case) -> list[Path]:
    """Every file that the case names."""
    return sorted({path for path in _paths(case) if path.is_file()})


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _paths(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _paths(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _paths(item)
