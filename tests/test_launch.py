"""A launcher that MPI does not know is found out before anything is computed N times."""

import pytest

from fibertwin.errors import InputError
from fibertwin.launch import SIZES, require_one_world


@pytest.mark.parametrize("variable", SIZES)
def test_processes_that_do_not_see_each_other_are_refused(variable: str) -> None:
    with pytest.raises(InputError, match="each process believes to be alone") as caught:
        require_one_world(1, {variable: "8"})
    assert f"({variable}), MPI sees 1" in str(caught.value)


@pytest.mark.parametrize(
    ("size", "environment"),
    [
        (1, {}),
        (1, {"SLURM_STEP_NUM_TASKS": "1"}),
        (4, {"SLURM_STEP_NUM_TASKS": "4"}),
        (4, {"SLURM_STEP_NUM_TASKS": "2"}),
    ],
)
def test_what_is_well_started_goes_on(size: int, environment: dict[str, str]) -> None:
    require_one_world(size, environment)


def test_a_job_s_batch_script_may_run_one_process() -> None:
    """sbatch -n 8 tells SLURM_NTASKS to its script, which is no launcher."""
    require_one_world(1, {"SLURM_NTASKS": "8", "SLURM_PROCID": "0"})
