"""What a case file says, as values: one frozen dataclass per section."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Gt, Interval, Len

from fibertwin.constitutive import Material
from fibertwin.errors import InputError, Problem
from fibertwin.meshes import AnatomySource, FiberRule, RegionRule, SurfaceSelector
from fibertwin.solver import Checkpointing, Formulation, Load, Series, Stepping, Support, TaylorHood, Unload
from fibertwin.units import Number

from .calibrate import Calibrate
from .diffusion import DiffusionSource
from .presets import OrPreset

if TYPE_CHECKING:
    from mpi4py import MPI


@dataclass(frozen=True)
class Solve:
    """How equilibrium is discretised and found.

    Attributes:
        formulation: how equilibrium is discretised.
        quadrature_degree: polynomial degree that the quadrature integrates exactly; the diffusion tensors are sampled
            at these points.
        stepping: how the load is brought on.
        checkpoint: when it is written down where the solve stands, so that a run that was ended can go on.
        petsc: PETSc options, as on a command line; ``--petsc`` comes after them.
    """

    formulation: Formulation = field(default_factory=TaylorHood)
    quadrature_degree: Annotated[int, Interval(ge=1, le=10)] = 4
    stepping: Stepping = field(default_factory=Stepping)
    checkpoint: Checkpointing = field(default_factory=Checkpointing)
    petsc: str = ""


@dataclass(frozen=True)
class Output:
    """What is written beside ``summary.json`` and ``report.html``.

    Attributes:
        formats: files with the fields: ``pvd`` for ParaView and PyVista, ``vtx`` (ADIOS2 .bp).
        series: when the fields are written on the way too; only as ``pvd``.
        compare_isotropic: solve once more with every fiber law made isotropic, and show what that would miss.
        report: write ``report.html``; leave it to ``fibertwin report`` where many cases are run.
        strain_thresholds: fiber strains beyond which the volume of tissue is told.
    """

    formats: tuple[Literal["pvd", "vtx"], ...] = ("pvd",)
    series: Series = field(default_factory=Series)
    compare_isotropic: bool = False
    report: bool = True
    strain_thresholds: tuple[Annotated[Number, Gt(0)], ...] = (0.05, 0.1, 0.2)

    def __post_init__(self) -> None:
        if self.series.wanted and "pvd" not in self.formats:
            what, hint = "asks for fields on the way, which only pvd can hold", "a .bp file cannot be gone on with"
            raise InputError(Problem("series", what, wanted='"pvd" among output.formats', hint=hint))


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything about a run.

    Attributes:
        title: a line for the report.
        plugins: Python files whose laws (or supports, loads, …) the rest of the file may name; they are run.
        diffusion: the scan; left out where no law has fibers, or a rule gives them.
        fibers: a rule that gives the fibers where there is no scan.
        anatomy: where the mesh comes from.
        surfaces: named parts of the boundary, each by one selector or by several that must all hold.
        regions: named parts of the volume, each by a rule; without any, all is one region ``tissue``.
        materials: the material of each region, spelled out or by the name of a preset.
        supports: how the body is held and moved.
        loads: what pushes on it.
        unload: the stress-free shape, where the image shows the body under load; left out where it does not.
        solve: how equilibrium is found.
        output: what is written.
        calibrate: numbers of this case to be found from what was measured; for ``fibertwin calibrate``.
        folder: where relative paths start; not in the file.
    """

    title: str = ""
    plugins: tuple[Path, ...] = ()
    diffusion: DiffusionSource | None = None
    fibers: FiberRule | None = None
    anatomy: AnatomySource
    surfaces: dict[str, SurfaceSelector | Annotated[tuple[SurfaceSelector, ...], Len(1)]] = field(default_factory=dict)
    regions: dict[str, RegionRule] = field(default_factory=dict)
    materials: dict[str, Annotated[Material, OrPreset()]]
    supports: dict[str, Support]
    loads: dict[str, Load] = field(default_factory=dict)
    unload: Unload | None = None
    solve: Solve = field(default_factory=Solve)
    output: Output = field(default_factory=Output)
    calibrate: Calibrate | None = None
    folder: Path = field(default=Path(), metadata={"in_file": False})

    @staticmethod
    def read(path: Path | str, changes: Mapping[str, Any] | None = None, *, comm: "MPI.Comm | None" = None) -> "Case":
        """Read and check a case file. Collective where ``comm`` is given: rank 0 reads for all.

        Args:
            path: the TOML file.
            changes: values to set by their place, as ``replace`` takes them.
            comm: the ranks that read together.

        Raises:
            InputError: with everything that is wrong, each at its place in the file.
        """
        from .reading import read

        return read(Path(path), changes or {}, comm)

    def replace(self, changes: Mapping[str, Any]) -> "Case":
        """A copy with some values changed, checked like a file.

        Args:
            changes: new values by place: ``{"materials.white.energies.1.k1": "3 kPa"}``.

        Raises:
            InputError: with everything that is wrong.
        """
        from .reading import validated
        from .toml import replaced

        return validated(replaced(self.to_dict(), changes), self.folder)

    def to_dict(self) -> dict[str, Any]:
        """The case as a file would say it, defaults spelled out, values with units, paths absolute."""
        from .plugins import loaded
        from .reading import reader

        return dict(reader(loaded(self.plugins)).dump_python(self, mode="json", exclude_none=True))

    def to_toml(self) -> str:
        """The case as the text of a file."""
        from .toml import dump

        return dump(self.to_dict())
