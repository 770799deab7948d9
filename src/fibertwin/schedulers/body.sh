
# one thread for each rank; forms are compiled once and kept here (`fibertwin warm` does it ahead)
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
export FIBERTWIN_CACHE=@CACHE@@FLAGS@

# The end of the time limit is announced to this shell, which hands it on through the launcher to every rank. They write
# a checkpoint at the next converged increment and end with code 75.
announced='' interrupted=''
hand_on() {
    announced=yes interrupted=yes
    kill -USR1 "$run" 2>/dev/null
}

cd @FOLDER@ || exit 1
echo "round $round on ${where:-$(hostname)}, $(date '+%Y-%m-%d %H:%M:%S')"
@COMMAND@ &
run=$!
trap hand_on USR1
while :; do
    interrupted=''
    wait "$run"
    code=$?
    [ -n "$interrupted" ] || break # else the signal has ended the wait, not the run
done

if [ "$code" -eq 75 ] && [ -n "$announced" ]; then
    if [ "$round" -lt @RESTARTS@ ]; then
        echo "not finished: queued again"
        again
    else
        echo "not finished after $round restarts: given up"
    fi
fi
exit "$code"
