"""How this process was started: by which launcher, as one of how many, and whether MPI agrees."""

import os
from collections.abc import Mapping

from fibertwin.errors import InputError, Problem

SIZES = {
    "SLURM_STEP_NUM_TASKS": "srun",
    "PMI_SIZE": "mpirun (MPICH, Intel MPI)",
    "OMPI_COMM_WORLD_SIZE": "mpirun (Open MPI)",
    "PMIX_SIZE": "a PMIx launcher",
    "PALS_SIZE": "PALS mpiexec",
}
"""Variables in which launchers tell how many processes they have started, and who they are."""

HINT = (
    "the launcher and the MPI that DOLFINx was built with do not know each other, so each process would run the whole "
    "case alone; try srun --mpi=pmi2 (srun --mpi=list shows what there is), or the mpirun of DOLFINx's own MPI"
)


def require_one_world(size: int, environment: Mapping[str, str] | None = None) -> None:
    """Refuse to go on where a launcher started several processes and MPI knows of one; not collective.

    Args:
        size: number of ranks as MPI counts them.
        environment: environment variables; this process's own if left out.

    Raises:
        InputError: naming the launcher and both numbers.
    """
    found = os.environ if environment is None else environment
    if size > 1:
        return  # MPI has found the others, whoever started them
    for variable, launcher in SIZES.items():
        started = found.get(variable, "")
        if started.isdigit() and int(started) > 1:
            got = f"{launcher} started {started} processes ({variable}), MPI sees 1"
            raise InputError(Problem("MPI", "each process believes to be alone", got, f"{started} ranks", HINT))
