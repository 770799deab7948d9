"""The diffusion fabric raised to a power, so that fibers count more, or less, than diffusion shows them."""

from dataclasses import replace

import numpy as np
from dolfinx.fem import Function

from fibertwin.imaging.algebra import compose, eigen, to_matrix

from .fibers import SMALLEST, FiberField


def sharpened(fibers: FiberField, exponent: float) -> FiberField:
    """Fibers whose structure tensor is H = Dⁿ / tr Dⁿ; directions and FA stay. Local.

    n = 1 is the diffusion tensor itself, n = 0 isotropy; diffusion across fibers hides how well they are aligned, for
    which n > 1 makes up.

    Args:
        fibers: fibers with the diffusion tensors D.
        exponent: the power n.
    """
    parts = eigen(fibers.tensors)
    greatest = parts.values[..., :1]
    shares = np.maximum(parts.values / greatest, SMALLEST) ** exponent
    tensors = compose(shares / shares.sum(axis=-1, keepdims=True), parts.vectors)
    fabric = Function(fibers.structure_tensor.function_space, name="structure_tensor")
    fabric.x.array[:] = fibers.structure_tensor.x.array
    table = fabric.function_space.dofmap.list
    fabric.x.array.reshape(-1, 9)[table.ravel()] = to_matrix(tensors).reshape(-1, 9)
    return replace(fibers, structure_tensor=fabric)
