"""The published way to load a clip, for the loader bench: numpy loads the whole arrays of a trial for each.

    python peer_loader.py FOLDER --clips N --rounds N [--processes N] [--cold]
    python peer_loader.py FOLDER --save NAME

Written from the description of the published data set. Prints the seconds of each round; --cold has the system
forget the files before each. --save writes one clip's arrays, for the bench to see that they are ours.
"""

import argparse
import multiprocessing
import random
import time
from pathlib import Path

import numpy as np

SIZE, STEP = 16, 2
SPAN = (SIZE - 1) * STEP + 1
FRAMES = 300


def load(root, trial, first):
    """Returns the encoder's input `[channel, time, height, width]` and the responses `[neuron, time]`."""
    kinds = ("videos", "responses", "behavior", "pupil_center")
    movie, responses, behavior, pupil = (np.load(root / "data" / kind / f"{trial}.npy") for kind in kinds)
    frames = slice(first, first + SPAN, STEP)
    clip = np.zeros((5, SIZE, 64, 64), np.float32)
    clip[0, :, 14:50] = movie[..., frames].transpose(2, 0, 1)
    clip[1:3] = behavior[:, frames, None, None]
    clip[3:5] = pupil[:, frames, None, None]
    return clip, np.maximum(responses[:, frames], 0).astype(np.float32)


def load_many(root, clips, seed):
    trials = sorted(path.stem for path in (root / "data/videos").glob("*.npy"))
    draw = random.Random(seed)
    for _ in range(clips):
        load(root, draw.choice(trials), draw.randrange(FRAMES - SPAN + 1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--save")
    arguments = parser.parse_args()
    root = arguments.folder
    if arguments.save:
        clip, responses = load(root, 3, 10)
        np.save(f"{arguments.save}_input.npy", clip)
        np.save(f"{arguments.save}_responses.npy", responses)
        return
    # What they return stays with them: nothing is charged for handing it over.
    with multiprocessing.Pool(arguments.processes) as pool:
        for round in range(arguments.rounds):
            if arguments.cold:
                Path("/proc/sys/vm/drop_caches").write_text("3")
            share = arguments.clips // arguments.processes
            start = time.perf_counter()
            jobs = [(root, share, 1000 * round + k) for k in range(arguments.processes)]
            pool.starmap(load_many, jobs, chunksize=1)
            print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
