"""What figures were measured on: machine, versions, commit."""

import os
import platform
import subprocess
from pathlib import Path

BYTES_PER_GIB = 2**30


def machine() -> dict[str, str]:
    """Each in words, by name."""
    import fibertwin.stack  # noqa: F401
    from fibertwin.provenance import versions

    wanted = {"fibertwin": "fibertwin", "dolfinx": "DOLFINx", "petsc": "PETSc", "numpy": "NumPy", "python": "Python"}
    found = versions()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / BYTES_PER_GIB
    load = os.getloadavg()[0]
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; load {load:.1f} at the end",
        "versions": ", ".join(f"{name} {found[key]}" for key, name in wanted.items()),
        "commit": _commit(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _commit() -> str:
    """The commit, and whether files differ from it; where there is no repository, that."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", str(here.parent))
        return git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown: not a repository"
