#!/bin/bash
# Starts a Slurm of one node of its own in a folder: munged, slurmctld, slurmd. Needs root, and Debian's packages
# slurm-wlm and munge. Nothing of the system's own configuration is read or changed.
#   start.sh FOLDER      prints the path of its slurm.conf, for SLURM_CONF
#   start.sh FOLDER node starts the node again after it was killed
set -eu
folder=$1
conf=$folder/slurm.conf
host=$(hostname -s)
cpus=$(nproc)

start_node() {
    SLURM_CONF=$conf slurmd -N "$host" -L "$folder/slurmd.log" >/dev/null 2>&1
}

if [ "${2:-}" = node ]; then
    start_node
    exit 0
fi

mkdir -p "$folder/state" "$folder/spool" "$folder/munge"
chmod 755 "$folder"
chmod 700 "$folder/munge"
dd if=/dev/urandom of="$folder/munge/munge.key" bs=1 count=1024 status=none
chmod 400 "$folder/munge/munge.key"
socket=$folder/munge/munge.socket
munged --force --key-file="$folder/munge/munge.key" --socket="$socket" --pid-file="$folder/munge/munged.pid" \
    --log-file="$folder/munge/munged.log" --seed-file="$folder/munge/munged.seed" >/dev/null 2>&1

# Ports that nobody listens on, so that it can run beside a real one.
port=$((20000 + $$ % 20000))
cat >"$conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$socket,cred_expire=5
CryptoType=crypto/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/builtin
SchedulerParameters=defer,batch_sched_delay=0
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdTimeout=6
SlurmctldTimeout=10
InactiveLimit=0
KillWait=2
MinJobAge=30
Waittime=0
RebootProgram=/bin/true
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=4000 State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
touch "$folder/spool/.keep"
SLURM_CONF=$conf slurmctld -L "$folder/slurmctld.log" >/dev/null 2>&1
start_node
for _ in $(seq 100); do
    if SLURM_CONF=$conf sinfo --noheader --format=%T 2>/dev/null | grep -q idle; then
        echo "$conf"
        exit 0
    fi
    sleep 0.2
done
echo "Slurm did not start; its logs:" >&2
tail -n 5 "$folder"/*.log "$folder"/munge/munged.log >&2
exit 1
