"""Where and how DOLFINx compiles forms: a cache that killed runs, cold ranks and mixed clusters cannot break.

Pass ``jit_options=options()`` to every ``fem.form`` and ``fem.Expression``.

FFCx marks a form as "being compiled" by creating an empty ``<module>.c`` and as done by ``<module>.c.cached``;
a process killed in between leaves a mark that nobody ever removes, and every later run waits for it in vain.
So each compile here also holds a ``flock`` on ``<module>.lock``. The kernel lets go of it when its process dies,
however that happens; whoever gets the lock while the module is not ready knows the mark to be dead, and clears it.
"""

import atexit
import contextlib
import fcntl
import functools
import hashlib
import io
import logging
import os
import platform
import shlex
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any, TextIO

from fibertwin.errors import InputError, Problem

CACHE_VARIABLE = "FIBERTWIN_CACHE"
FLAGS_VARIABLE = "FIBERTWIN_CFLAGS"
TIMEOUT = 1800
"""Seconds to wait for a form that another process compiles."""

LONGEST_PAUSE = 2.0
"""Seconds between two looks at a form that another process compiles: a thousand jobs may look at one file server."""

FOREIGN_GRACE = 600.0
"""Seconds for which a half-made module of another machine is left alone even when its lock is free.

Some cluster file systems keep ``flock`` to one machine: there a free lock proves nothing about another one.
"""

_held: dict[Path, TextIO] = {}


@dataclass
class Watched:
    """The modules, by name, that this process has asked for since it began to watch.

    Attributes:
        found: those that were compiled before, or by another process meanwhile.
        compiled: those that this process had to compile.
    """

    found: set[str] = field(default_factory=set)
    compiled: set[str] = field(default_factory=set)


_watchers: list[Watched] = []


@contextlib.contextmanager
def watched() -> Iterator[Watched]:
    """Take down which modules are asked for meanwhile, and which of them are compiled. Local."""
    seen = Watched()
    _watchers.append(seen)
    try:
        yield seen
    finally:
        _watchers.remove(seen)


def options() -> dict[str, Any]:
    """What every form and expression is compiled with. Local: each rank may call it on its own.

    The compiler flags are ``-O2 -g0`` with ``-march=native``, or what ``$FIBERTWIN_CFLAGS`` says.

    Returns:
        DOLFINx's ``jit_options``.

    Raises:
        InputError: the cache folder cannot be written.
    """
    folder = cache_folder()
    _require_writable(folder)
    _guard_ffcx()
    return {"cache_dir": str(folder), "cffi_extra_compile_args": compiler_flags(), "timeout": TIMEOUT}


def module(name: str, source: Callable[[], str], declarations: Sequence[str], flags: Sequence[str]) -> tuple[Any, Any]:
    """Compile C, or load what was compiled before. Local; with MPI let one rank come first.

    Args:
        name: name of the module, ``libffcx_`` and what tells its source from every other.
        source: makes the source; called only where it has to be compiled.
        declarations: C declarations of what is wanted of it.
        flags: compiler flags beside those of all forms; ``$FIBERTWIN_CFLAGS`` goes before them.

    Returns:
        cffi's library and its ``FFI``.
    """
    from ffcx.codegeneration import jit as ffcx_jit

    given = options()
    folder = Path(given["cache_dir"])
    _, loaded = ffcx_jit.get_cached_module(name, [], folder, given["timeout"])
    if loaded is None:
        with _unmarked_on_failure(folder / f"{name}.c"):
            _compile(folder, name, source(), declarations, flags)
        _, loaded = ffcx_jit.get_cached_module(name, [], folder, given["timeout"])
    return loaded.lib, loaded.ffi


@contextlib.contextmanager
def _unmarked_on_failure(mark: Path) -> Iterator[None]:
    """Take back the mark of a compile that failed, so that nobody waits for it."""
    try:
        yield
    except BaseException:
        mark.unlink(missing_ok=True)
        raise


def _compile(folder: Path, name: str, source: str, declarations: Sequence[str], flags: Sequence[str]) -> None:
    """Compile C into a module of a folder, and mark it as ready."""
    import cffi

    builder = cffi.FFI()
    builder.cdef("\n".join(declarations).replace("restrict ", ""))
    own, common = list(flags), compiler_flags()
    arguments = [*own, *common] if FLAGS_VARIABLE in os.environ else [*common, *own]
    builder.set_source(name, source, extra_compile_args=["-std=gnu17", *arguments], libraries=["m"])
    output = io.StringIO()
    with contextlib.redirect_stdout(output), _quiet():
        builder.compile(tmpdir=str(folder), verbose=True)
    (folder / f"{name}.c.cached").write_text(output.getvalue(), encoding="utf-8")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the build tools' log lines from the program's own log."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def cache_root() -> Path:
    """Folder of everything fibertwin may forget: ``$FIBERTWIN_CACHE``, or ``fibertwin`` in the user's cache folder."""
    own = os.environ.get(CACHE_VARIABLE)
    if own:
        return Path(own).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "fibertwin"


def cache_folder() -> Path:
    """Folder of the compiled forms that this machine, these flags and this DOLFINx can share.

    Only native code is kept apart by CPU: compiled with ``-march=x86-64-v3`` on a login node it serves every node.
    """
    return cache_root() / "jit" / _key(tuple(compiler_flags()))


def compiler_flags() -> list[str]:
    """Flags for the C compiler, from ``$FIBERTWIN_CFLAGS`` where that is set."""
    own = os.environ.get(FLAGS_VARIABLE)
    if own is not None:
        return shlex.split(own)
    native = ["-march=native"] if platform.machine() in ("x86_64", "aarch64", "arm64") else []
    return ["-O2", *native, "-g0"]


def half_made(folder: Path) -> dict[str, str]:
    """Modules whose compile was begun and not finished, by name, with who began each."""
    begun = (path for path in folder.glob("libffcx_*.c") if not _ready(path))
    return {path.stem: _owner(path.with_suffix(".lock")) for path in begun}


def clear_dead(folder: Path) -> list[str]:
    """Remove what killed compiles left, and give its names. Live compiles are untouched; idempotent."""
    cleared = []
    for name in half_made(folder):
        if _claim(folder / f"{name}.c"):
            _release()
            cleared.append(name)
    return cleared


@functools.cache
def _key(flags: tuple[str, ...]) -> str:
    """Short name for all that decides whether a compiled form may be shared."""
    import ffcx

    from fibertwin import stack

    native = any(flag.removeprefix("-march=").removeprefix("-mcpu=") == "native" for flag in flags)
    parts = (
        _cpu() if native else platform.machine(),
        *flags,
        ffcx.__version__,
        stack.version,
        str(sys.implementation.cache_tag),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _cpu() -> str:
    """Model and instruction set of this machine's first core."""
    wanted = ("model name", "flags", "CPU implementer", "CPU part", "Features")
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return f"{platform.machine()} {platform.processor()}"
    first = info.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    return "\n".join([platform.machine(), *(line for line in first.splitlines() if line.startswith(wanted))])


@functools.cache
def _require_writable(folder: Path) -> None:
    """Make ``folder`` and write to it.

    Raises:
        InputError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            Problem(
                str(folder),
                "the cache of compiled forms cannot be written",
                got=error.strerror or str(error),
                wanted="a folder that you may write to",
                hint=f"{CACHE_VARIABLE}=/a/writable/folder fibertwin ...",
            )
        ) from error


@functools.cache
def _guard_ffcx() -> None:
    """Make FFCx take the lock of a module before it looks whether that module is being compiled.

    FFCx offers no hook here, and no cleaning beforehand can tell a dead mark from a live one. An FFCx
    without this function keeps its own behavior; a test pins the function.
    """
    from ffcx.codegeneration import jit

    if hasattr(jit, "get_cached_module"):
        atexit.register(_release)
        jit.get_cached_module = _guarded(jit.get_cached_module)


def _guarded(original: Callable[..., tuple[Any, Any]]) -> Callable[..., tuple[Any, Any]]:
    """FFCx's ``get_cached_module``, which returns ``(None, None)`` when the caller has to compile."""

    @functools.wraps(original)
    def get_cached_module(module_name: str, object_names: Any, cache_dir: Any, timeout: int) -> tuple[Any, Any]:
        source = Path(cache_dir) / f"{module_name}.c"
        if source.is_relative_to(cache_root()):
            _release()  # whatever this process compiled before is finished
            _wait_for(source, timeout)
        found = original(module_name, object_names, cache_dir, timeout)
        for seen in _watchers:
            if found[1] is None:
                seen.compiled.add(module_name)
            elif module_name not in seen.compiled:
                seen.found.add(module_name)
        return found

    return get_cached_module


def _wait_for(source: Path, timeout: float) -> None:
    """Return when the module is ready, or when it is this process's turn to compile it.

    Raises:
        TimeoutError: another process has been compiling it for ``timeout`` seconds.
    """
    end = time.monotonic() + timeout
    pause = 0.02
    while not _ready(source) and not _claim(source):
        if time.monotonic() > end:
            lock = source.with_suffix(".lock")
            raise TimeoutError(f"{_owner(lock)} has been compiling {source} for over {timeout:.0f} s")
        time.sleep(pause)
        pause = min(1.3 * pause, LONGEST_PAUSE)


def _claim(source: Path) -> bool:
    """Try to become the one who compiles; on success the lock is held and a dead predecessor's files are gone."""
    lock = source.with_suffix(".lock").open("a+", encoding="utf-8")
    here = f" on {socket.gethostname()}"
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        grace = 0.0 if _owner(Path(lock.name)).endswith(here) else FOREIGN_GRACE
        taken = False
    except BlockingIOError:
        grace, taken = FOREIGN_GRACE, True
    except OSError:  # a file system without locks: only age can tell
        grace, taken = FOREIGN_GRACE, False
    if taken or _ready(source) or _age(source) < grace:
        lock.close()
        return False
    for leftover in (source, source.with_suffix(".c.cached"), *_objects(source)):
        leftover.unlink(missing_ok=True)
    lock.truncate(0)
    lock.write(f"process {os.getpid()}{here}")
    lock.flush()
    _held[source] = lock
    return True


def _release() -> None:
    """Let go of every lock that this process holds."""
    while _held:
        _held.popitem()[1].close()


def _ready(source: Path) -> bool:
    """Whether the module is compiled: marked so, and not emptied by a crash of the machine."""
    if not source.with_suffix(".c.cached").exists():
        return False
    libraries = (source.with_suffix(suffix) for suffix in EXTENSION_SUFFIXES)  # named, as the folder may hold thousands
    return any(path.stat().st_size > 0 for path in libraries if path.exists())


def _objects(source: Path) -> list[Path]:
    """What the compiler and the linker have made of ``source``."""
    return [path for path in source.parent.glob(f"{source.stem}.*") if path.suffix in (".o", ".so")]


def _age(source: Path) -> float:
    """Seconds since ``source`` was written; infinite where there is none."""
    try:
        return time.time() - source.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _owner(lock: Path) -> str:
    """Who holds or last held ``lock``, in words."""
    return (lock.read_text(encoding="utf-8") if lock.exists() else "") or "a process that left no name"
