"""Signals by which a scheduler tells that time is up: noted, and heeded where a run can be left."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

HEEDED = (signal.SIGTERM, signal.SIGUSR1)


@contextmanager
def heeded() -> Iterator[Callable[[], str]]:
    """Note these signals for as long as it lasts; gives a function that says which came first, empty if none did.

    Only in the main thread. A rank that got none learns of it from the others: whoever asks does so collectively.
    """
    came: list[str] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(signal.Signals(number).name)

    former = {number: signal.signal(number, note) for number in HEEDED}
    try:
        yield lambda: came[0] if came else ""
    finally:
        for number, handler in former.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not one of Python's


def end_on_signals() -> None:
    """Have SIGTERM, by which containers are stopped, and SIGINT, which shells let background jobs ignore, end it all.

    Only in the main thread, for a program that waits for requests: either raises ``KeyboardInterrupt``.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
