"""Numbers, quantities and tables as a reader wants them: sensible digits, units, everything escaped."""

import math
from collections.abc import Iterable, Sequence
from html import escape

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNITS = {"1": "", "mm2": "mm²", "mm^2": "mm²", "mm^2/s": "mm²/s", "uJ": "µJ"}
NOTHING = "–"


def number(value: object, digits: int = 3) -> str:
    """A number to ``digits`` significant digits: ``1,520``, ``0.78``, ``3.1·10⁻¹⁰``; a dash for nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    if isinstance(value, int) and abs(value) < 1e12:
        return f"{value:,}".replace("-", "−")
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    if -3 <= exponent < 6:
        shown = f"{value:,.{max(digits - 1 - exponent, 0)}f}"
    else:
        mantissa = f"{value:.{digits - 1}e}".partition("e")[0]
        shown = f"{mantissa}·10{str(exponent).translate(_SUPERSCRIPT)}"
    return shown.replace("-", "−")


def percent(value: object, digits: int = 2) -> str:
    """A fraction as a percentage: ``2.4 %``."""
    shown = number(value * 100, digits) if isinstance(value, int | float) else NOTHING
    return shown if shown == NOTHING else f"{shown} %"


def unit(name: object) -> str:
    """A unit as it is printed: nothing for a pure number, ``mm²`` for ``mm^2``."""
    return _UNITS.get(str(name or ""), str(name or ""))


def quantity(value: object, name: str, digits: int = 3) -> str:
    """A number with its unit; a dash stays a dash."""
    shown = number(value, digits)
    return shown if shown == NOTHING or not unit(name) else f"{shown} {unit(name)}"


def point(place: object) -> str:
    """A place in mm: ``(61, −3, 40)``."""
    if not isinstance(place, Sequence) or isinstance(place, str):
        return NOTHING
    return "(" + ", ".join(f"{round(x)}".replace("-", "−") for x in place) + ")"


def strain_like(field: str, name: object) -> bool:
    """Whether a field reads best in percent: a pure number that is a strain."""
    return "strain" in field and unit(name) == ""


def value_of(field: str, name: object, value: object) -> str:
    """A value of a field without its unit: strains in percent, what is close to one with a digit more."""
    if not isinstance(value, int | float):
        return NOTHING
    if strain_like(field, name):
        return number(float(value) * 100)
    return number(float(value), 4 if field in ("J", "fiber stretch") else 3)


def unit_of(field: str, name: object) -> str:
    """The unit in which ``value_of`` shows a field."""
    return "%" if strain_like(field, name) else unit(name)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], words: int = 1) -> str:
    """An HTML table, everything escaped; the first ``words`` columns hold words, the others numbers."""
    kinds = ["" if i < words else ' class="n"' for i in range(len(head))]
    top = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(head, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{escape(str(cell))}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
