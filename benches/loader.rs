//! How many clips a second does the training loader read from a recording? Against the published way: numpy loads
//! whole arrays of a trial for each clip.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::json;
use v1reel::data::batch::{Loader, LoaderConfig, TrainingMouse};
use v1reel::data::{ClipConfig, Mouse, TrialId};
use v1reel::event::Silent;
use v1reel::simulate::{SimulationConfig, simulate};

const CLIPS: usize = 256;

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
    let mouse = folder.path().join("mouse");
    let config =
        SimulationConfig { neurons: 2000, trials: 12, height: 36, width: 64, ..SimulationConfig::default() };
    simulate(&config, &mouse, &Silent).expect("a simulated mouse");
    let ours = ours(&mouse) / CLIPS as f64;
    let published = std::env::var_os("V1REEL_PEER_PYTHON").map(|python| {
        let mut command = Command::new(python);
        let output = command.args(["-c", PUBLISHED]).arg(&mouse).arg(CLIPS.to_string()).output();
        let output = output.expect("the peer runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let seconds: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("seconds");
        seconds / CLIPS as f64
    });
    println!("\nloader: one clip of a mouse of 2,000 neurons and 324 frames, files in the page cache");
    println!("{:<12} {:>12}", "", "ms a clip");
    println!("{:<12} {:>12.3}", "ours", ours * 1e3);
    if let Some(published) = published {
        println!("{:<12} {:>12.3}", "published", published * 1e3);
    }
    let ratio = published.map(|p| p / ours);
    println!(
        "{}",
        json!({"bench": "loader", "size": "npy tree", "ours_s": ours, "published_s": published,
               "best_pytorch_s": null, "ratio_published": ratio, "ratio_best": null})
    );
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
    run(0);
    (1..4).map(run).fold(f64::INFINITY, f64::min)
}
