#!/bin/bash
# Runs fibertwin in a real Slurm of two virtual nodes on this machine: submit, run on both nodes, time out, queue again,
# resume, same answer. Takes six to ten minutes on two cores.
#
#   tests/cluster/run.sh [BIN [OUT]]      BIN holds fibertwin and python (.venv/bin); logs stay in OUT (out/cluster)
#
# Needs the Debian packages slurmctld slurmd slurm-client munge. Everything that it starts it stops, also where it fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$(realpath "${1:-.venv/bin}")
out=$(realpath -m "${2:-out/cluster}")
# shellcheck source=tests/cluster/slurm.sh
. tests/cluster/slurm.sh

for program in slurmctld slurmd srun munged; do
    command -v "$program" >/dev/null || { echo "there is no $program: apt-get install slurmctld slurmd slurm-client munge" >&2; exit 2; }
done
rm -rf "$out"
mkdir -p "$out"
exec > >(tee "$out/run.log") 2>&1
trap slurm_stop EXIT
trap 'exit 130' INT TERM
export PATH=$bin:$PATH FIBERTWIN_CACHE=$out/cache
# the nodes speak by TCP, as two would, and not through the memory that they share here; over TCP the UCX in the wheel
# of MPICH loses messages, libfabric does not
export MPIR_CVAR_CH4_NETMOD=ofi FI_PROVIDER=tcp
say() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
job_of() { grep -o 'job [0-9]*' | cut -d' ' -f2; }

say "a Slurm of two nodes"
slurm_start "$out/slurm"
sinfo -N -o '%N %t %c'
srun --version

cp -r examples/quick "$out/case"
case=$out/case/case.toml
# two hundred small increments, so that a time limit comes on the way
sets=(--set output.compare_isotropic=false --set output.report=false --set "anatomy.cells=[${CELLS:-8, 8, 8}]"
    --set solve.stepping.first=0.005 --set solve.stepping.smallest=0.001 --set solve.stepping.growth=1.0
    --set solve.stepping.tolerance=1e-11) # two solves agree no better than each is converged

say "compile once"
fibertwin warm "$case" "${sets[@]}"
fibertwin warm "$case" "${sets[@]}" | tee "$out/warm.txt"
grep -q 'nothing was left to do' "$out/warm.txt" || fail "the second call compiled something"

say "srun without MPI: each process would run the whole case"
code=0
srun --mpi=none -N2 -n2 fibertwin run "$case" -o "$out/none" 2>"$out/none.txt" || code=$?
cat "$out/none.txt"
[ "$code" = 2 ] || fail "it ended with $code in place of 2"
grep -q 'each process believes to be alone' "$out/none.txt" || fail "it was not told"
[ ! -e "$out/none/summary.json" ] || fail "something was solved"

say "a run on one rank of each node, uninterrupted"
job=$(fibertwin submit "$case" -o "$out/whole" --nodes 2 --ntasks 2 --time 0:30:00 "${sets[@]}" --go | tee /dev/stderr | job_of)
sleep 15
squeue --steps
squeue -o '%i %j %t %M %D %N'
[ "$(slurm_wait "$job" 900 | tee /dev/stderr)" = COMPLETED ] || { cat "$out"/whole/job-*.log; fail "the run"; }
tail -n 3 "$out"/whole/job-*.log

say "the same with a limit of two minutes, announced one minute before"
job=$(fibertwin submit "$case" -o "$out/parts" --nodes 2 --ntasks 2 --time 0:02:00 --grace 60 "${sets[@]}" --go | tee /dev/stderr | job_of)
[ "$(slurm_wait "$job" 1200 | tee /dev/stderr)" = COMPLETED ] || { cat "$out"/parts/job-*.log; fail "the run in parts"; }
grep -v '%' "$out"/parts/job-*.log || true
scontrol show job "$job" | grep -E 'Restarts|NodeList='
[ "$(grep -c 'queued again' "$out"/parts/job-*.log)" -ge 1 ] || fail "it was never interrupted: this machine is quick, so give CELLS='11, 11, 11'"

say "the same answer"
python tests/cluster/same.py "$out/whole/summary.json" "$out/parts/summary.json"

say "a cancelled job stays cancelled"
job=$(fibertwin submit "$case" -o "$out/cancelled" --nodes 2 --ntasks 2 --time 0:30:00 "${sets[@]}" --go | job_of)
sleep 15
scancel "$job"
slurm_wait "$job" 60
squeue -h | grep . && fail "something is still queued"

say "mpirun in place of srun, told at once"
job=$(fibertwin submit "$case" -o "$out/hydra" --nodes 2 --ntasks 2 --time 0:30:00 --launcher 'mpirun -n 2' "${sets[@]}" --go | job_of)
for _ in $(seq 60); do
    grep -q 'load ' "$out"/hydra/job-*.log 2>/dev/null && break
    sleep 1
done
scancel --batch --signal=USR1 "$job"
for _ in $(seq 60); do
    grep -q 'queued again' "$out"/hydra/job-*.log && break
    sleep 1
done
tail -n 4 "$out"/hydra/job-*.log
grep -q 'queued again' "$out"/hydra/job-*.log || fail "the signal did not reach the ranks"
scancel "$job"

say "a sweep by executorlib, two ranks for each member"
cat >"$out/sweep.toml" <<SWEEP
case = "case/case.toml"
sample = "latin-hypercube"
members = 4
seed = 1
ranks = 2
engine = "executorlib"
options = { backend = "slurm", slurm_cmd_args = ["--mpi=pmi2"] }
observables = ["fiber_strain.tissue.p95", "reactions.plate.force_mN.2"]
[axes]
"materials.tissue.energies.0.mu" = { from = "0.3 kPa", to = "1.5 kPa", scale = "log" }
"supports.plate.depth" = { from = "0.5 mm", to = "1.5 mm" }
SWEEP
job=$(sbatch --parsable -N2 -n2 -o "$out/sweep.log" --wrap "fibertwin sweep $out/sweep.toml -o $out/sweep")
[ "$(slurm_wait "$job" 300 | tee /dev/stderr)" = COMPLETED ] || { cat "$out/sweep.log"; fail "the sweep"; }
grep -E 'member|done' "$out/sweep.log"
[ "$(grep -c ',done,' "$out/sweep/table.csv")" = 4 ] || fail "not all members are done"
for node in n1 n2; do
    grep -q "StepId=$job.0" "$out/slurm/log/slurmd-$node.log" || fail "$node had no part in it"
done

say "all is well"
