"""Streamlines through the fibers of a run, from the fields in its folder."""

from pathlib import Path

from fibertwin.errors import InputError, Problem


def write_lines(folder: Path, seeds: int) -> tuple[Path, Path]:
    """Write ``streamlines.vtp`` and ``streamlines.png`` beside a run's fields; returns both.

    Args:
        folder: where the run's results are.
        seeds: how many lines.

    Raises:
        InputError: there are no fields, or none of fibers.
    """
    from fibertwin.meshes.streamlines import AxisCloud, draw_streamlines, trace, write_streamlines

    from .fields import read_fields

    tissue = read_fields(folder / "fields.pvd")
    if "a0" not in tissue.arrays:
        raise InputError(Problem(str(folder), "holds no fibers: the case had neither [diffusion] nor [fibers]"))
    lines = trace(AxisCloud.of(tissue.centers, tissue.arrays["a0"]), seeds)
    found = folder / "streamlines.vtp", folder / "streamlines.png"
    write_streamlines(lines, found[0])
    draw_streamlines(lines, found[1])
    return found
