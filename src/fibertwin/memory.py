"""Memory that was freed, handed back to the system: the C library keeps it for later, and peaks add up."""

import ctypes
from collections.abc import Callable
from functools import cache


def hand_back() -> None:
    """Hand freed memory back to the system, where the C library (glibc) can. Local."""
    _trimmer()()


@cache
def _trimmer() -> Callable[[], object]:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):  # another C library
        return lambda: None
    return lambda: trim(ctypes.c_size_t(0))
