#!/bin/bash
# Ends the Slurm that start.sh started in a folder: its own processes alone, by their numbers.
folder=$1
export SLURM_CONF=$folder/slurm.conf
scancel --quiet --user=root 2>/dev/null
sleep 1
for pid in slurmd.pid slurmctld.pid munge/munged.pid; do
    if [ -e "$folder/$pid" ]; then kill "$(cat "$folder/$pid")" 2>/dev/null; fi
done
exit 0
