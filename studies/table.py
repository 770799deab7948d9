"""The table of a sweep: inputs, observables, outcome and cost of each member, growing as members end."""

import csv
import os
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .journal import Row
from .samples import quantity

COSTS = ("outcome", "seconds", "newton", "warm", "ranks", "sentence")


class Table:
    """``table.csv`` in a sweep's folder; the journal is what counts, the table is made from it.

    Args:
        folder: of the sweep.
        inputs: places in the case file.
        observables: their names.
    """

    def __init__(self, folder: Path, inputs: Sequence[str], observables: Sequence[str]) -> None:
        self.path = folder / "table.csv"
        self._inputs, self._observables = tuple(inputs), tuple(observables)

    @property
    def head(self) -> list[str]:
        """Names of the columns."""
        return ["member", *self._inputs, *self._observables, *COSTS]

    def write(self, rows: Iterable[Row]) -> None:
        """Write the whole table, in the order of the members; the old one stays until the new one is whole."""
        new = self.path.with_suffix(".new")
        with new.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(self.head)
            writer.writerows(self._cells(row) for row in sorted(rows, key=lambda row: row.number))
        os.replace(new, self.path)  # noqa: PTH105 (Path.replace does the same, and reads like text)

    def append(self, row: Row) -> None:
        """Add a line."""
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(self._cells(row))

    def write_parquet(self, rows: Iterable[Row]) -> Path | None:
        """The same as ``table.parquet``, quantities as numbers, their unit in the heading; None without pyarrow."""
        if find_spec("pyarrow") is None:
            return None
        import pyarrow as pa
        from pyarrow import parquet

        path = self.path.with_suffix(".parquet")
        lines = [dict(zip(self.head, self._cells(row), strict=True)) for row in sorted(rows, key=lambda r: r.number)]
        columns: dict[str, list[Any]] = {}
        for name in self.head:
            values = [line[name] for line in lines]
            title, column = _numeric(name, values) if name in self._inputs else (name, values)
            columns[title] = [None if value == "" and name in self._observables else value for value in column]
        parquet.write_table(pa.table(columns), path)
        return path

    def _cells(self, row: Row) -> list[Any]:
        inputs = [row.sample.get(name, "") for name in self._inputs]
        observed = [row.observables.get(name, "") for name in self._observables]
        return [row.number, *inputs, *observed, *(getattr(row, name) for name in COSTS)]


def _numeric(name: str, values: list[Any]) -> tuple[str, list[Any]]:
    found = [quantity(value) for value in values]
    units = {pair[1] for pair in found if pair is not None}
    if None in found or len(units) != 1:
        return name, [str(value) for value in values]
    (unit,) = units
    return f"{name} [{unit}]" if unit else name, [pair[0] for pair in found if pair is not None]
