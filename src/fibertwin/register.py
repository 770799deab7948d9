"""The verb ``register``: lay one image onto another, and write the map."""

import argparse
from pathlib import Path
from typing import Any

from fibertwin.errors import InputError, Problem


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    verb = verbs.add_parser(
        "register",
        help="find the rigid or affine map between two images",
        description="Lay one image onto another by mutual information, starting from where their headers put them.",
    )
    verb.add_argument("moving", type=Path, metavar="MOVING", help="image to move, such as the b = 0 volume")
    verb.add_argument("fixed", type=Path, metavar="FIXED", help="image that stays, such as the T1")
    verb.add_argument("--kind", choices=("rigid", "affine"), default="rigid", help="degrees of freedom: 6 or 12")
    described = "map to write: .tfm as ITK has it, .txt as 4 x 4 from the moving image's RAS+ mm to the fixed one's"
    verb.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=described)
    verb.set_defaults(verb=_register)


def _register(arguments: argparse.Namespace) -> int:
    import numpy as np

    from fibertwin.imaging import register, write_transform
    from fibertwin.imaging.volumes import read_volume

    if arguments.output.suffix not in (".tfm", ".txt"):
        raise InputError(Problem("-o", "names no kind of transform", str(arguments.output), ".tfm or .txt"))
    moving, fixed = read_volume(arguments.moving), read_volume(arguments.fixed)
    found = register(
        np.asarray(moving.dataobj), moving.affine, np.asarray(fixed.dataobj), fixed.affine, kind=arguments.kind
    )
    write_transform(arguments.output, found.matrix)
    print(f"{found}\nwrote {arguments.output}")
    return 0
