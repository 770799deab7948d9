"""What the numbers of label images mean: names and groups of tissues, built in or in a file of the user's."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from fibertwin.errors import InputError, Problem

Names = Mapping[str, tuple[int, ...]]

_SIDED = {
    "cerebral white matter": (2, 41),
    "cerebral cortex": (3, 42),
    "lateral ventricle": (4, 43),
    "inferior lateral ventricle": (5, 44),
    "cerebellum white matter": (7, 46),
    "cerebellum cortex": (8, 47),
    "thalamus": (10, 49),
    "caudate": (11, 50),
    "putamen": (12, 51),
    "pallidum": (13, 52),
    "hippocampus": (17, 53),
    "amygdala": (18, 54),
    "accumbens area": (26, 58),
    "ventral dc": (28, 60),
    "vessel": (30, 62),
    "choroid plexus": (31, 63),
}
"""Structures with a left and a right number in FreeSurferColorLUT.txt, which SynthSeg shares."""

_SINGLE = {
    "third ventricle": (14,),
    "fourth ventricle": (15,),
    "brain stem": (16,),
    "csf": (24,),
    "white matter hypointensities": (77,),
    "optic chiasm": (85,),
    "corpus callosum posterior": (251,),
    "corpus callosum mid posterior": (252,),
    "corpus callosum central": (253,),
    "corpus callosum mid anterior": (254,),
    "corpus callosum anterior": (255,),
}
_CALLOSUM = (251, 252, 253, 254, 255)
_GROUPS = {
    "white matter": (2, 41),
    "cortex": (3, 42),
    "cerebellum": (7, 8, 46, 47),
    "corpus callosum": _CALLOSUM,
    "lateral ventricles": (4, 5, 43, 44),
    "ventricles": (4, 5, 14, 15, 43, 44),
    "basal ganglia": (11, 12, 13, 26, 50, 51, 52, 58),
    "deep grey matter": (10, 11, 12, 13, 17, 18, 26, 49, 50, 51, 52, 53, 54, 58),
    "all white matter": (2, 7, 16, 28, 41, 46, 60, 77, *_CALLOSUM),
    "all grey matter": (3, 8, 10, 11, 12, 13, 17, 18, 26, 42, 47, 49, 50, 51, 52, 53, 54, 58),
    "all fluid": (4, 5, 14, 15, 24, 31, 43, 44, 63),
}
"""Structures taken together; brain stem and ventral diencephalon, which are mixed, count as white matter."""


def _freesurfer() -> dict[str, tuple[int, ...]]:
    sided = {f"{side} {name}": (pair[k],) for name, pair in _SIDED.items() for k, side in enumerate(("left", "right"))}
    return sided | _SINGLE | _SIDED | _GROUPS


TABLES: dict[str, Names] = {"freesurfer": _freesurfer()}
TABLES["synthseg"] = TABLES["freesurfer"]
"""Names by table: https://surfer.nmr.mgh.harvard.edu/fswiki/FsTutorial/AnatomicalROI/FreeSurferColorTable; SynthSeg
uses the same numbers (Billot et al. 2023, doi 10.1016/j.media.2023.102789)."""

_LINE = re.compile(r"^\s*(\d+)\s+(\S+)((?:\s+-?[\d.]+)*)\s*$")
_SNAP = re.compile(r'^\s*(\d+)(?:\s+[\d.]+){6}\s+"(.*)"\s*$')


def plain(name: str) -> str:
    """A name without regard to case, and with spaces for ``-`` and ``_``: Left-Thalamus is "left thalamus"."""
    return " ".join(name.lower().replace("-", " ").replace("_", " ").split())


def label_table(table: str | Path | Names) -> Names:
    """The names of a table, each with the numbers it stands for, by plain name.

    Args:
        table: ``"freesurfer"`` or ``"synthseg"``; a file, as ``read_table``; or the names themselves.

    Raises:
        InputError: no such table, or the file can't be read.
    """
    if isinstance(table, Mapping):
        return {plain(name): tuple(numbers) for name, numbers in table.items()}
    if isinstance(table, str) and table in TABLES:
        return TABLES[table]
    if isinstance(table, str) and not Path(table).suffix:
        raise InputError(Problem("table", "there is no such label table", table, f"{', '.join(TABLES)}, or a file"))
    return read_table(Path(table))


def read_table(path: Path) -> Names:
    """A label table in a file.

    Lines "number name red green blue alpha" (FreeSurfer's ``.txt``, 3D Slicer's ``.ctbl``), ITK-SNAP's label
    descriptions, or TOML with ``"white matter" = [2, 41]``, at the top or under ``[names]``.

    Raises:
        InputError: the file is missing, or holds no names.
    """
    if not path.is_file():
        raise InputError(Problem(str(path), "there is no such label table"))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(Problem(str(path), "is no text", str(error), "a label table")) from error
    names = _from_toml(path, text) if path.suffix.lower() == ".toml" else _from_lines(path, text)
    if not names:
        raise InputError(
            Problem(str(path), "names no label", wanted='lines such as "2 Left-White-Matter 245 245 245 0"')
        )
    return names


def _from_lines(path: Path, text: str) -> Names:
    names: dict[str, tuple[int, ...]] = {}
    wrong = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _SNAP.match(line) or _LINE.match(line)
        if found is None:
            wrong.append(Problem(f"{path}, line {number}", "is no label", line.strip(), "number name red green blue"))
            continue
        name, value = plain(found[2]), int(found[1])
        if value:
            names[name] = (*names.get(name, ()), value)
    if wrong:
        raise InputError(wrong[:5])
    return names


def _from_toml(path: Path, text: str) -> Names:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(Problem(str(path), "is no TOML", str(error))) from error
    entries = table.get("names", table)
    names = {}
    for name, value in entries.items():
        numbers = value if isinstance(value, list) else [value]
        if not numbers or not all(type(n) is int for n in numbers):
            raise InputError(Problem(f"{path}: {name}", "is no label", str(value), "a whole number or a list of them"))
        names[plain(name)] = tuple(numbers)
    return names


def spoken(number: int, names: Names) -> str:
    """A number with the name that stands for it alone: ``3 (left cerebral cortex)``."""
    own = [name for name, numbers in names.items() if numbers == (number,)]
    return f"{number} ({own[0]})" if own else str(number)


def look_up(labels: Iterable[int | str], names: Names, where: str) -> tuple[int, ...]:
    """The numbers that labels by number or name stand for, sorted.

    Raises:
        InputError: a name is not known, with the names that come near.
    """
    from difflib import get_close_matches

    known = {plain(name): numbers for name, numbers in names.items()}
    found: set[int] = set()
    problems = []
    for label in labels:
        if not isinstance(label, str):
            found.add(int(label))
        elif plain(label) in known:
            found |= set(known[plain(label)])
        else:
            near = get_close_matches(plain(label), known, 5, 0.5) or list(known)[:30]
            wanted = f"one of: {', '.join(near)}" if known else "numbers, or a table of names"
            problems.append(Problem(where, "has no such label", label, wanted))
    if problems:
        raise InputError(problems)
    return tuple(sorted(found))
