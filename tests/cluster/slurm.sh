# A private Slurm of two virtual nodes on this machine, for scripts that source this file; needs slurmctld, slurmd, munge.
# shellcheck shell=bash

slurm_start() { # FOLDER: configuration, keys, spools and logs go there
    slurm_home=$1
    local host base
    host=$(hostname -s)
    base=$((20000 + RANDOM % 20000))
    mkdir -p "$slurm_home"/{state,spool-n1,spool-n2,munge,log}
    chmod 700 "$slurm_home/munge"
    chmod 755 "$slurm_home"
    head -c 128 /dev/urandom >"$slurm_home/munge/key"
    chmod 600 "$slurm_home/munge/key"
    munge_socket=$(mktemp -u /tmp/munge-XXXXXX.socket) # a socket's name must be short
    cat >"$slurm_home/slurm.conf" <<CONF
ClusterName=private
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$base
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$munge_socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
SchedulerParameters=sched_interval=5,bf_interval=5
SlurmctldPidFile=$slurm_home/slurmctld.pid
SlurmdPidFile=$slurm_home/slurmd-%n.pid
SlurmctldLogFile=$slurm_home/log/slurmctld.log
SlurmdLogFile=$slurm_home/log/slurmd-%n.log
StateSaveLocation=$slurm_home/state
SlurmdSpoolDir=$slurm_home/spool-%n
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((base + 1)) CPUs=2 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((base + 2)) CPUs=2 State=UNKNOWN
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF
    export SLURM_CONF=$slurm_home/slurm.conf
    munged --force --key-file="$slurm_home/munge/key" --socket="$munge_socket" --num-threads=2 \
        --pid-file="$slurm_home/munge/munged.pid" --log-file="$slurm_home/log/munged.log" \
        --seed-file="$slurm_home/munge/seed"
    slurmctld -c
    slurmd -N n1
    slurmd -N n2
    for _ in $(seq 100); do
        [ "$(sinfo -h -t idle -o %D 2>/dev/null)" = 2 ] && return
        sleep 0.2
    done
    echo "the two nodes did not come up" >&2
    sinfo >&2 || true
    tail -n 20 "$slurm_home"/log/*.log >&2
    return 1
}

slurm_stop() { # ends what slurm_start has started, by the files with their ids
    local file id
    [ -n "${slurm_home:-}" ] || return 0
    scancel --user="$(id -un)" --full 2>/dev/null || true
    for file in "$slurm_home"/slurmd-n*.pid "$slurm_home/slurmctld.pid" "$slurm_home/munge/munged.pid"; do
        [ -s "$file" ] || continue
        id=$(cat "$file")
        kill "$id" 2>/dev/null || continue
        for _ in $(seq 50); do
            kill -0 "$id" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$id" 2>/dev/null || true
    done
    rm -f "$munge_socket" "$munge_socket.lock"
    slurm_home=
}

slurm_wait() { # JOB SECONDS: until a job has left the queue; its state is printed
    local state
    for _ in $(seq "$2"); do
        state=$(scontrol show job "$1" -o | grep -o 'JobState=[A-Z_]*' | cut -d= -f2)
        case $state in
            COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL | OUT_OF_MEMORY | BOOT_FAIL | DEADLINE)
                echo "$state"
                return
                ;;
        esac
        # a job that is queued again waits two minutes, so that its last round is over on every node; here seconds do
        case $(scontrol show job "$1" -o) in
            *Reason=BeginTime*) sleep 10 && scontrol update "JobId=$1" StartTime=now || true ;;
        esac
        sleep 1
    done
    echo "${state:-UNKNOWN} after $2 s"
    return 1
}
