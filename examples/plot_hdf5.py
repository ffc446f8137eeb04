"""Plots, for every trial of a run, how well each frame was reconstructed, and the population's activity under it.

Make the file first: v1reel export runs/demo --to h5 --condition all
Usage: plot_hdf5.py NAME.h5 [PICTURE.png]
"""

import sys

import h5py
import matplotlib.pyplot as plt

with h5py.File(sys.argv[1]) as run:
    groups = [group for mouse in run.values() for group in mouse.values()]
    trials = sorted(groups, key=lambda trial: (trial.parent.name, trial.attrs["trial"]))
    figure, axes = plt.subplots(2, len(trials), figsize=(1 + 3 * len(trials), 5), squeeze=False, layout="constrained")
    for trial, (above, below) in zip(trials, axes.T):
        conditions = {key: made for key, made in trial.items() if isinstance(made, h5py.Group)}
        conditions.pop("ablation", None)  # many, in groups of their own
        for condition, made in conditions.items():
            above.plot(trial["time_s"][:], made["frame_correlation"][:], label=condition.replace("_", " "))
        below.plot(conditions["recorded"]["responses"][:].mean(axis=0), label="recorded")
        below.plot(conditions["recorded"]["predicted_responses"][:].mean(axis=0), label="predicted")
        above.set(title=trial.name[1:], xlabel="time (s)", ylabel="frame correlation")
        below.set(xlabel="frame", ylabel="mean response")
        above.legend(), below.legend()
    plt.savefig(sys.argv[2], dpi=150) if len(sys.argv) > 2 else plt.show()
