#!/bin/bash
# @TITLE@
# Written by `fibertwin submit`. Submit it with: sbatch @SCRIPT@
#SBATCH --job-name=@NAME@
#SBATCH --nodes=@NODES@
#SBATCH --ntasks=@NTASKS@
#SBATCH --cpus-per-task=1
#SBATCH --time=@TIME@
#SBATCH --output=@LOG@
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@@GRACE@
@DIRECTIVES@
round=${SLURM_RESTART_COUNT:-0} where=$SLURM_JOB_NODELIST
again() { scontrol requeue "$SLURM_JOB_ID"; }
@BODY@
