"""Files that are whole or not there, at any instant, also after a kill."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fibertwin.errors import SolveError


@contextmanager
def whole(path: Path, *, synced: bool = True) -> Iterator[BinaryIO]:
    """Write a file beside its place, and move it there once it is written; what stood there stands until then.

    Args:
        path: the file.
        synced: whether to wait for the disk to have it, so that a machine that goes down leaves it whole too.

    Raises:
        SolveError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            if synced:
                os.fsync(stream.fileno())
        part.replace(path)
        if synced:
            sync(path.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SolveError(f"{path} cannot be written: {error.strerror or error}.") from error


def sync(path: Path) -> None:
    """Wait for the disk to have a file, or what a folder lists."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
