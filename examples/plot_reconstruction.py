"""Plots frames of the movie that a mouse saw above those of its reconstruction, and how well they agree.

Make the file first: v1reel export runs/demo --to npz
Usage: plot_reconstruction.py MOUSE_trial_N_reconstruction.npz [PICTURE.png]
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

data = np.load(sys.argv[1])  # every array is there by name; print(data.files) lists them
shown = np.linspace(0, len(data["movie"]) - 1, 8).astype(int)
figure, axes = plt.subplot_mosaic([[f"truth{i}" for i in range(8)], [f"made{i}" for i in range(8)], ["r"] * 8],
                                  figsize=(12, 5), layout="constrained")
for i, frame in enumerate(shown):
    for name, movie in [("truth", data["ground_truth"]), ("made", data["movie"])]:
        axes[f"{name}{i}"].imshow(movie[frame], cmap="gray", vmin=0, vmax=255)
        axes[f"{name}{i}"].set(xticks=[], yticks=[], title=f"{data['time_s'][frame]:.1f} s" if name == "truth" else "")
axes["r"].plot(data["time_s"], data["frame_correlation"])
axes["r"].set(xlabel="time (s)", ylabel="frame correlation", title=f"{data['mouse']}, trial {data['trial']}")
plt.savefig(sys.argv[2], dpi=150) if len(sys.argv) > 2 else plt.show()
