"""Arrays as text that keeps every bit, for files and pipes of JSON."""

import base64

import numpy as np
from numpy.typing import ArrayLike, NDArray


def coded(array: ArrayLike) -> str:
    """The numbers of an array in the order of its rows; its shape is not told."""
    return base64.b64encode(np.ascontiguousarray(array, dtype=float).tobytes()).decode("ascii")


def decoded(text: str) -> NDArray[np.float64]:
    """The numbers (n,) of an array.

    Raises:
        ValueError: the text is none.
    """
    return np.frombuffer(base64.b64decode(text))
