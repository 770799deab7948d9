"""What can go wrong, said once: what, where, got, wanted, what to try."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the input.

    Attributes:
        where: path in the case file (``materials.white.k1``), a file, or an argument.
        what: one sentence saying what is wrong.
        got: the offending value, as the user wrote it.
        wanted: what would be accepted.
        hint: what to try.
    """

    where: str
    what: str
    got: str = ""
    wanted: str = ""
    hint: str = ""

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        for label, text in (("got", self.got), ("wanted", self.wanted), ("try", self.hint)):
            if text:
                lines.append(f"    {label + ':':<8}{text}")
        return "\n".join(lines)


class FibertwinError(Exception):
    """Base of every error that fibertwin raises on purpose; ``exit_code`` is the program's."""

    exit_code = 1


class InputError(FibertwinError):
    """Bad input, found before any expensive work. Holds every problem found, not just the first."""

    exit_code = 2

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class StoppedError(FibertwinError):
    """Someone asked for an end before the work was done; it can be taken up again. The code is EX_TEMPFAIL."""

    exit_code = 75


class SolveError(FibertwinError):
    """The solve failed; the message is a sentence that names the load level and the worst cell."""

    exit_code = 3
