"""The problems that are verified, one file per group; a file in ``GROUPS`` adds its entries by existing."""

from importlib import import_module

from fibertwin.verify.entry import Entry, entries_of

GROUPS = (
    "laws",
    "patch",
    "manufactured",
    "block",
    "relaxation",
    "inflation",
    "beat",
    "torsion",
    "ball",
    "cook",
    "land",
    "cube",
)
"""Groups in the order in which they are run and shown."""


def every_entry() -> tuple[Entry, ...]:
    """Every entry of every group."""
    for group in GROUPS:
        import_module(f"{__name__}.{group}")
    return tuple(entry for group in GROUPS for entry in entries_of(group))


def title(group: str) -> str:
    """What a group verifies: the first sentence of its file, or its name where there is none."""
    if group not in GROUPS:
        return group
    return (import_module(f"{__name__}.{group}").__doc__ or group).partition("\n")[0].rstrip(".")
