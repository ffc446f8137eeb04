//! How many clips a second does the training loader read from a recording, as a folder of `.npy` files and as one
//! HDF5 file? Against the published way: numpy loads whole arrays of a trial for each clip.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use ndarray::{Array2, Array3};
use serde_json::json;
use v1reel::data::batch::{Loader, LoaderConfig, TrainingMouse};
use v1reel::data::format::hdf5::convert;
use v1reel::data::format::npy_tree::{Meta, Writer};
use v1reel::data::{ClipConfig, Mouse, Tier, Trial, TrialId};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLIPS: usize = 256;
const NEURONS: usize = 7900;
const TRIALS: u32 = 12;
const FRAMES: usize = 300;

/// Loads movie, responses, behavior and pupil center whole for each clip, as the published data set does.
const PUBLISHED: &str = r#"
import sys, time, random
import numpy as np
from pathlib import Path
root, clips = Path(sys.argv[1]) / "data", int(sys.argv[2])
trials = sorted(p.stem for p in (root / "videos").glob("*.npy"))
rng = random.Random(0)
def run():
    start = time.perf_counter()
    for _ in range(clips):
        trial = rng.choice(trials)
        movie, responses, behavior, pupil = (np.load(root / kind / f"{trial}.npy") for kind in ("videos", "responses", "behavior", "pupil_center"))
        first = rng.randrange(300 - 31)
        frames = slice(first, first + 31, 2)
        [np.ascontiguousarray(a[..., frames], dtype=np.float32) for a in (movie, responses, behavior, pupil)]
    return time.perf_counter() - start
run()
print(min(run() for _ in range(3)))
"#;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (tree, file, small) = ("mouse", "plain.h5", "compressed.h5");
    write_mouse(&folder.path().join(tree));
    let mouse = Mouse::open(folder.path().join(tree)).expect("the mouse");
    for (name, compress) in [(file, false), (small, true)] {
        convert(&mouse, &folder.path().join(name), compress, |_| ()).expect("a file");
    }
    println!(
        "\nloader: one clip of a mouse of {NEURONS} neurons and {FRAMES} frames, files in the page cache"
    );
    println!("{:<24} {:>12} {:>16}", "", "ms a clip", "peak memory MB");
    let published = std::env::var_os("V1REEL_PEER_PYTHON").map(|python| {
        let mut command = Command::new(python);
        let output =
            command.args(["-c", PUBLISHED]).arg(folder.path().join(tree)).arg(CLIPS.to_string()).output();
        let output = output.expect("the peer runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let seconds: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("seconds");
        seconds / CLIPS as f64
    });
    if let Some(published) = published {
        println!("{:<24} {:>12.3}", "published", published * 1e3);
    }
    for (size, name) in [("npy tree", tree), ("hdf5", file), ("hdf5 compressed", small)] {
        let ours = ours(&folder.path().join(name)) / CLIPS as f64;
        let memory = peak_memory_mb();
        println!("{size:<24} {:>12.3} {memory:>16.0}", ours * 1e3);
        println!(
            "{}",
            json!({"bench": "loader", "size": size, "ours_s": ours, "published_s": published,
                   "best_pytorch_s": null, "ratio_published": published.map(|p| p / ours), "ratio_best": null,
                   "peak_rss_mb": memory})
        );
    }
}

/// Writes a mouse of the size of the published ones, of few trials.
fn write_mouse(root: &Path) {
    let mut writer = Writer::create(root).expect("a folder");
    for id in 0..TRIALS {
        let at = |a: usize, b: usize| ((a * 31 + b * 7 + id as usize * 13) % 251) as f32;
        let trial = Trial {
            id: TrialId(id),
            movie: Array3::from_shape_fn((FRAMES, 36, 64), |(t, y, x)| at(t, y * 64 + x)),
            responses: Array2::from_shape_fn((NEURONS, FRAMES), |(n, t)| at(n, t) / 7.0),
            behavior: Array2::from_shape_fn((2, FRAMES), |(r, t)| at(r, t)),
            pupil_center: Array2::from_shape_fn((2, FRAMES), |(r, t)| at(t, r)),
        };
        writer.write_trial(&trial, 324).expect("a trial");
    }
    let meta = Meta {
        tiers: vec![Tier("train".into()); TRIALS as usize],
        unit_ids: (0..NEURONS as i64).collect(),
        cell_motor_coordinates: Array2::zeros((NEURONS, 3)),
    };
    writer.finish(&meta).expect("a mouse");
}

/// Most memory that was resident since this was asked last, maps of files included.
fn peak_memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    let peak = line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0;
    // Resets the mark, where that is allowed.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    peak
}

/// Seconds for one epoch of [`CLIPS`] clips, the fastest of three after one to warm up.
fn ours(path: &Path) -> f64 {
    let mouse = Mouse::open(path).expect("the mouse");
    let trials: Vec<TrialId> = mouse.trials.iter().map(|trial| trial.id).collect();
    let config = LoaderConfig {
        clip: ClipConfig::default(),
        input_size: [64, 64],
        batch_size: 8,
        epoch_samples: CLIPS,
        cutmix_probability: 0.0,
        seed: "bench".into(),
        member: 0,
    };
    let loader = Loader::new(vec![TrainingMouse { mouse, trials }], config).expect("a loader");
    let run = |epoch| {
        let start = Instant::now();
        let clips: usize = loader.epoch(epoch).map(|batch| batch.expect("a batch").mouse.len()).sum();
        assert_eq!(clips, CLIPS);
        start.elapsed().as_secs_f64()
    };
    peak_memory_mb();
    run(0);
    (1..4).map(run).fold(f64::INFINITY, f64::min)
}
