#!/bin/bash
# @TITLE@
# Written by `fibertwin submit`. Submit it with: qsub @SCRIPT@
#PBS -N @NAME@
#PBS -l select=@NODES@:ncpus=@PER_NODE@:mpiprocs=@PER_NODE@
#PBS -l walltime=@TIME@
#PBS -j oe
#PBS -o @LOG@
@DIRECTIVES@
round=${ROUND:-0} where=$(uniq "$PBS_NODEFILE" | tr '\n' ' ')
again() { qsub -v "ROUND=$((round + 1))" @SCRIPT@; }
# PBS warns nobody of the end, so this shell does it itself
{ sleep @WORKING@; kill -USR1 $$; } &
timer=$!
trap 'kill "$timer" 2>/dev/null' EXIT
@BODY@
