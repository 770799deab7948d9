#!/bin/bash
# @TITLE@
# Written by `fibertwin submit`. Submit it with: bsub < @SCRIPT@
#BSUB -J @NAME@
#BSUB -n @NTASKS@
#BSUB -R "span[ptile=@PER_NODE@]"
#BSUB -W @TIME@
#BSUB -o @LOG@
#BSUB -wa USR1 -wt @GRACE@
#BSUB -Q "75"
@DIRECTIVES@
round=0 where=$LSB_MCPU_HOSTS
again() { :; } # -Q has LSF do it
@BODY@
