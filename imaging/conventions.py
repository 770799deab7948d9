"""How other programs store diffusion tensors: component order, axes and units, as data."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from fibertwin.errors import InputError, Problem

from .algebra import ORDER, Array, mean_diffusivity
from .geometry import Frame

Units = Literal["mm^2/s", "um^2/ms", "um^2/s", "m^2/s"]

ORDERS: dict[str, tuple[str, ...]] = {
    "lower": ORDER,
    "upper": ("xx", "xy", "xz", "yy", "yz", "zz"),
    "diagonal": ("xx", "yy", "zz", "xy", "xz", "yz"),
}
"""Component orders by name; a case file may also spell one out, ``"xx yy zz xy yz xz"``."""

_TO_MM2_PER_S: dict[str, float] = {"mm^2/s": 1.0, "um^2/ms": 1e-3, "um^2/s": 1e-6, "m^2/s": 1e6}

# Tissue and free water have mean diffusivities of 0.1e-3 to 3.2e-3 mm²/s; a decade either side tells units apart.
_PLAUSIBLE_MD = (5e-5, 2e-2)


@dataclass(frozen=True)
class Convention:
    """How a program stores tensors; what is None must be stated or be found in the file's header.

    Attributes:
        order: name in ``ORDERS``.
        frame: axes of the components, see ``geometry.Frame``.
        units: of the components.
        note: why, and what may differ.
    """

    order: str | None = None
    frame: Frame | None = None
    units: Units | None = None
    note: str = ""


CONVENTIONS: dict[str, Convention] = {
    "fsl": Convention("upper", "fsl", "mm^2/s", "dtifit --save_tensor"),
    "mrtrix": Convention("diagonal", "world", "mm^2/s", "dwi2tensor; scanner axes are RAS+"),
    "dipy": Convention("upper", "fsl", "mm^2/s", "dipy keeps the axes of its b-vectors, which mostly are FSL's"),
    "symmatrix": Convention("lower", None, None, "NIfTI intent 1005 fixes the order, not the axes"),
    "afni": Convention("lower", None, None, "3dDWItoDT keeps the axes and units of the gradients it was given"),
    "camino": Convention("upper", "fsl", None, "axes and units are those of the scheme file, copied from bvecs"),
    "itk": Convention("lower", "lps", None, "ITK's physical axes are LPS"),
    "ants": Convention("lower", "voxel", None, "ANTs holds tensors along the voxel axes; lower on disk"),
    "tortoise": Convention("diagonal", None, None, "diagonals first; axes depend on version and export"),
    "fibertwin": Convention("lower", "world", "mm^2/s", "write_tensors"),
}
"""What each program writes; every field can be overridden. Sources: docs/reference/tensors.md."""


def resolve(
    where: str,
    found: Convention,
    convention: str | None,
    order: str | None,
    frame: Frame | None,
    units: Units | None,
    *,
    framed: bool = False,
) -> tuple[Convention, tuple[str, ...]]:
    """Join what the header says, what the named convention says, and what is stated; later wins, header in between.

    Args:
        where: the file, for messages.
        found: what the file's header says for certain.
        convention: name in ``CONVENTIONS``, or None.
        order: stated order, by name or spelled out.
        frame: stated axes.
        units: stated units.
        framed: the header holds the axes themselves, which no named convention overrides.

    Returns:
        A convention with order and frame (None where ``framed`` and not stated), and sentences on where each came from.

    Raises:
        InputError: unknown words, or no way to know the order or the axes.
    """
    problems: list[Problem] = []
    named = Convention()
    if convention is not None:
        if convention in CONVENTIONS:
            named = CONVENTIONS[convention]
        else:
            problems.append(Problem(where, "unknown tensor convention", repr(convention), ", ".join(CONVENTIONS)))
    for word, value, known in (
        ("frame", frame, get_args(Frame)),
        ("units", units, get_args(Units)),
    ):
        if value is not None and value not in known:
            problems.append(Problem(where, f"unknown {word}", repr(value), ", ".join(known)))
    if order is not None and _components(order) is None:
        wanted = ", ".join(ORDERS) + ", or six components such as 'xx yy zz xy xz yz'"
        problems.append(Problem(where, "unknown component order", repr(order), wanted))
    if problems:
        raise InputError(problems)
    if framed:
        named = replace(named, frame=None)
    stated = Convention(order, frame, units)
    joined, sentences = Convention(note=named.note), []
    for field in ("order", "frame", "units"):
        for source, who in ((stated, "as stated"), (found, "from the header"), (named, f"as {convention} writes")):
            value = getattr(source, field)
            if value is not None:
                joined = replace(joined, **{field: value})
                sentences.append(f"{field.capitalize()} of the tensors: {_spoken(field, value)} ({who}).")
                break
    needed = ("order",) if framed else ("order", "frame")
    problems = [_unknown(where, field) for field in needed if getattr(joined, field) is None]
    if problems:
        raise InputError(problems)
    return joined, tuple(sentences)


def reordered(components: Array, order: str) -> Array:
    """Components (..., 6) in fibertwin's order, from a named or spelled-out order."""
    names = _components(order)
    if names is None:
        raise InputError(Problem("order", "unknown component order", repr(order), ", ".join(ORDERS)))
    return np.asarray(np.stack([components[..., names.index(name)] for name in ORDER], axis=-1), dtype=float)


def to_internal_units(
    components: Array, units: Units | None, where: str, *, sure: bool
) -> tuple[Array, tuple[str, ...]]:
    """Components in mm²/s; where the unit is not sure, the median MD must be plausible, else it is guessed.

    Args:
        components: (n, 6) valid tensors.
        units: of the components, or None to guess.
        where: the file, for messages.
        sure: take ``units`` as they are, without the check.

    Returns:
        (n, 6) in mm²/s, and sentences on what was guessed.

    Raises:
        InputError: the unit is not known and no unit gives a plausible mean diffusivity.
    """
    if units is not None and sure:
        return components * _TO_MM2_PER_S[units], ()
    md = mean_diffusivity(components)
    positive = md[np.isfinite(md) & (md > 0)]
    median = float(np.median(positive)) if positive.size else 0.0
    low, high = _PLAUSIBLE_MD
    if units is not None and low <= median * _TO_MM2_PER_S[units] < high:
        return components * _TO_MM2_PER_S[units], ()
    for name, factor in _TO_MM2_PER_S.items():
        if low <= median * factor < high:
            sentence = (
                f"Units of the tensors: {name}, guessed because the median mean diffusivity is "
                f"{median:.3g} as stored{'' if units is None else ', which is not plausible in ' + units}; "
                "state the units to be sure."
            )
            return components * factor, (sentence,)
    wanted = f"a mean diffusivity of {low:g} to {high:g} mm²/s in one of {', '.join(_TO_MM2_PER_S)}"
    hint = "state units, and check the component order"
    raise InputError(
        Problem(where, "the units cannot be guessed", f"median mean diffusivity {median:.3g}", wanted, hint)
    )


def _components(order: str) -> tuple[str, ...] | None:
    """The six component names of an order, symmetric names sorted; None where it is no order."""
    names = ORDERS.get(order) or tuple("".join(sorted(word)) for word in order.lower().replace(",", " ").split())
    return names if sorted(names) == sorted(ORDER) else None


def _spoken(field: str, value: str) -> str:
    if field == "order":
        return " ".join(_components(value) or ())
    if field == "frame":
        return {
            "world": "RAS+ world axes",
            "lps": "LPS world axes",
            "voxel": "voxel axes",
            "fsl": "FSL's axes (voxel axes, x flipped where det(affine) > 0)",
        }[value]
    return value


def _unknown(where: str, field: str) -> Problem:
    wanted = ", ".join(ORDERS) if field == "order" else ", ".join(get_args(Frame))
    meaning = {"order": "how the six components are ordered", "frame": "along which axes the components are taken"}
    return Problem(
        where,
        f"the file does not say {meaning[field]}",
        wanted=f"{field} = one of {wanted}; or the convention, one of {', '.join(CONVENTIONS)}",
        hint=f"state {field}, or the program that wrote the file as convention",
    )
