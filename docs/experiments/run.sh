#!/bin/sh
# Makes the figures and tables of docs/experiments.md: run.sh choices|train|validate|presets|longer|neurons|behavior|probe|moving|controls
# Goes on where it stopped.
set -eu
cd "$(dirname "$0")/../.."
v1reel=${V1REEL:-target/release/v1reel}
here=docs/experiments
out=runs/experiments

# A run of its own with the trained members and masks of another: borrow FROM TO
borrow() {
	mkdir -p "$2"
	cp -R "$1/members" "$1/masks" "$2/"
}

# What is set for one choice, as flags for every command of it: choice NAME EXPERIMENT FROM KEY=VALUE...
choice() {
	name=$1 experiment=$2 from=$3
	shift 3
	run=$out/$name
	[ -d "$run" ] || borrow "$from" "$run"
	set -- "run=$PWD/$run" "name=$(basename "$name")" "$@"
	count=$#
	while [ $count -gt 0 ]; do
		set -- "$@" --set "$1"
		shift
		count=$((count - 1))
	done
	"$v1reel" reconstruct "$experiment" "$@" --quiet
	"$v1reel" evaluate "$experiment" "$@" --quiet --no-linear-decoder --json > "$run/evaluation.json"
	printf '%-32s %s\n' "$(basename "$name")" \
		"$(sed -n 's/.*"mean":{[^}]*"pixel_correlation":\([-0-9.e]*\).*/\1/p' "$run/evaluation.json")"
}

case ${1:-} in
choices)
	"$v1reel" demo --quiet > /dev/null
	try() { name=$1; shift; choice "choices/$name" $here/choices.toml runs/demo "$@"; }
	try "chosen"
	try "start-grey" 'reconstruction.start="grey"'
	try "start-grey-60-iterations" 'reconstruction.start="grey"' reconstruction.iterations=60
	try "start-decoder-0-iterations" reconstruction.iterations=1
	try "all-members-each-iteration" 'reconstruction.combine="gradients"'
	try "a-movie-a-member" 'reconstruction.combine="movies"'
	try "one-member" ensemble.members=1
	try "7-iterations" reconstruction.iterations=7
	try "28-iterations" reconstruction.iterations=28
	try "steps-stay-long" reconstruction.final_rate_fraction=1.0
	try "published-steps" reconstruction.rms_step=0.0 reconstruction.learning_rate=60000.0
	try "gradient-not-smoothed" 'reconstruction.gradient_sigma=[0.0, 0.0, 0.0]'
	try "windows-every-8-frames" reconstruction.stride=8
	try "windows-every-32-frames" reconstruction.stride=32
	try "filter-as-published" 'reconstruction.filter_sigma=[0.5, 0.5, 0.5]'
	;;
train)
	for mouse in a b c; do
		[ -d $out/mice/unseen-$mouse ] ||
			"$v1reel" simulate $out/mice/unseen-$mouse --config data/demo_mouse.toml --seed unseen-$mouse
	done
	"$v1reel" train $here/unseen.toml
	"$v1reel" mask $here/unseen.toml
	;;
validate)
	"$0" train
	"$v1reel" validate $here/unseen.toml
	;;
presets)
	"$0" train
	try() { name=$1; shift; choice "presets/$name" $here/unseen.toml $out/unseen "$@"; }
	# The published system with the first two members, 100 of its iterations: a thousand take ten times as long.
	try paper ensemble.members=2 'reconstruction.preset="paper"' reconstruction.evaluation_threshold=0.5 \
		reconstruction.iterations=100 'reconstruction.snapshots=[1, 2, 5, 10, 20, 50, 100]'
	try v1reel ensemble.members=2 'reconstruction.snapshots=[1, 2, 3, 5, 7, 10, 14]'
	try v1reel-four-members 'reconstruction.snapshots=[1, 2, 3, 5, 7, 10, 14]'
	"$v1reel" report $out/presets/paper $out/presets/v1reel $out/presets/v1reel-four-members --out $out/presets/report
	;;
longer)
	"$0" train
	try() { name=$1; shift; choice "presets/$name" $here/unseen.toml $out/unseen ensemble.members=2 data.trial_count=2 "$@"; }
	try paper-200 'reconstruction.preset="paper"' reconstruction.evaluation_threshold=0.5 reconstruction.iterations=200
	try paper-200-wide-filter 'reconstruction.preset="paper"' reconstruction.evaluation_threshold=0.5 \
		reconstruction.iterations=200 'reconstruction.filter_sigma=[6.0, 1.0, 1.0]'
	try v1reel-two-trials
	;;
neurons)
	"$0" train
	"$v1reel" ablate neurons $here/unseen.toml --keep 100%,50%,25%,12.5% --draws 1
	;;
behavior)
	"$0" train
	"$v1reel" ablate behavior $here/unseen.toml --channels running --alterations shuffle --only prediction \
		--draws 1 --set ablation.prediction_trials=5
	;;
probe)
	"$0" train
	"$v1reel" probe $here/unseen.toml --only receptive-fields,gratings,noise
	;;
moving)
	for mouse in a b c; do
		[ -d $out/mice/moving-$mouse ] ||
			"$v1reel" simulate $out/mice/moving-$mouse --config $here/moving_mouse.toml --seed moving-$mouse
	done
	"$v1reel" train $here/moving.toml
	"$v1reel" validate $here/moving.toml
	"$v1reel" probe $here/moving.toml --only gratings
	;;
controls)
	"$0" train
	"$v1reel" reconstruct $here/unseen.toml --controls all
	"$v1reel" evaluate $here/unseen.toml
	;;
*)
	sed -n 2p "$0" >&2
	exit 2
	;;
esac
