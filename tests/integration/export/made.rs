//! A run with known contents, written without training anything.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3};
use tempfile::TempDir;
use v1reel::data::format::npy_tree::{Meta, Writer};
use v1reel::data::{MouseId, Tier, Trial, TrialId};
use v1reel::decode::Decoded;
use v1reel::manifest::Manifest;
use v1reel::reconstruct::result::MemberResult;
use v1reel::reconstruct::{Reconstruction, Snapshots};
use v1reel::run_folder::{RECORDED, RunFolder};

/// Frames of a trial.
pub const FRAMES: usize = 40;
/// First frame that is reconstructed.
pub const FIRST: usize = 6;
/// Of an odd number of pixels.
pub const SIZE: [usize; 2] = [7, 9];
pub const NEURONS: usize = 5;
/// Frames a second; not what is usual.
pub const RATE_HZ: f64 = 25.0;

/// A run on mouse `anna`: trials 0 and 2 from the recorded responses, 2 also under a control, the linear decoder and an
/// ablation.
pub struct MadeRun {
    folder: TempDir,
}

impl MadeRun {
    pub fn new() -> Self {
        let made = Self { folder: tempfile::tempdir().unwrap() };
        write_mouse(&made.mouse());
        let run = RunFolder::new(made.run());
        for trial in [0, 2] {
            made.write(&run.reconstruction(RECORDED, &anna(), TrialId(trial)), &result(trial, 1.0));
        }
        made.write(&run.reconstruction("shuffled_neurons", &anna(), TrialId(2)), &result(2, 0.3));
        let ablated = run.ablated("neurons", "random/exclude/2_neurons/draw_0", &anna(), TrialId(2));
        made.write(&ablated, &result(2, 0.6));
        let movie = movie(2).mapv(|pixel| 0.5 * pixel + 20.0);
        let decoded = Decoded { movie, strength: 0.3, frames: 900, settings: "{\"linear\":true}".into() };
        decoded.write(&run.decoded(&anna(), TrialId(2))).unwrap();
        let settings = format!(
            "name = \"first\"\nrun = {:?}\n[data]\nmice = [{:?}]\n[reconstruction]\nfilter_sigma = [1.0, 0.5, 0.5]\n",
            made.run(),
            made.mouse()
        );
        fs::write(made.run().join("experiment.toml"), &settings).unwrap();
        let manifest = Manifest::new(&settings, "seed", "cpu", &[made.mouse()]).unwrap();
        manifest.write(&made.run().join("manifest.json")).unwrap();
        made
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn run(&self) -> PathBuf {
        self.folder.path().join("first")
    }

    pub fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    pub fn mouse(&self) -> PathBuf {
        self.folder.path().join("anna")
    }

    /// A file of the export.
    pub fn file(&self, name: &str) -> PathBuf {
        self.out().join(name)
    }

    fn write(&self, folder: &Path, result: &Reconstruction) {
        result.write(&folder.join("ensemble.h5")).unwrap();
        for member in [0, 1] {
            member_result(member).write(&folder.join(format!("member_{member}.h5"))).unwrap();
        }
    }
}

pub fn anna() -> MouseId {
    MouseId("anna".into())
}

/// What the mouse saw, `[frame, height, width]`, the whole trial.
pub fn movie(trial: u32) -> Array3<f32> {
    let [height, width] = SIZE;
    Array3::from_shape_fn((FRAMES, height, width), |(t, y, x)| {
        ((t * 7 + y * 13 + x * 29 + trial as usize * 31) % 256) as f32
    })
}

pub fn trial(id: u32) -> Trial {
    let at = |row: usize, frame: usize| ((row * 17 + frame * 5 + id as usize) % 23) as f32 / 7.0;
    Trial {
        id: TrialId(id),
        movie: movie(id),
        responses: Array2::from_shape_fn((NEURONS, FRAMES), |(n, t)| at(n, t)),
        behavior: Array2::from_shape_fn((2, FRAMES), |(row, t)| at(row + 10, t)),
        pupil_center: Array2::from_shape_fn((2, FRAMES), |(row, t)| at(row + 20, t)),
    }
}

/// A reconstruction that is the truth of so much contrast, and something else for the rest.
pub fn result(id: u32, share: f32) -> Reconstruction {
    let [height, width] = SIZE;
    let trial = trial(id);
    let truth = trial.movie.slice_move(ndarray::s![FIRST.., .., ..]);
    let mask = Array2::from_shape_fn((height, width), |(y, x)| u8::from(y > 0 && x < 7));
    let mut movie = truth.mapv(|pixel| share * pixel);
    movie.indexed_iter_mut().for_each(|((t, y, x), pixel)| {
        *pixel += (1.0 - share) * ((t * 3 + y * 5 + x * 11) % 97) as f32 + 0.25;
        if mask[[y, x]] == 0 {
            *pixel = 127.5;
        }
    });
    Reconstruction {
        movie,
        ground_truth: truth,
        mask,
        predicted_responses: trial.responses.mapv(|response| 0.9 * response + 0.1),
        responses: trial.responses,
        losses: Array2::from_shape_fn((2, 3), |(member, i)| -1.0 - (member + i) as f64),
        first_frame: FIRST,
        frame_rate_hz: RATE_HZ,
        settings: format!("{{\"share\":{share}}}"),
    }
}

/// A raw movie in a larger input, which shows the member's number.
fn member_result(member: usize) -> MemberResult {
    let [height, width] = SIZE;
    MemberResult {
        movie: Array3::from_elem((FRAMES, height + 2, width + 3), 10.0 * (member + 1) as f32),
        losses: vec![-1.0; 3],
        response_correlations: vec![0.5; 3],
        snapshots: Snapshots::default(),
        settings: String::new(),
    }
}

fn write_mouse(root: &Path) {
    let mut writer = Writer::create(root).unwrap();
    for id in 0..3 {
        writer.write_trial(&trial(id), FRAMES + 4).unwrap();
    }
    let meta = Meta {
        tiers: ["train", "train", "oracle"].map(|tier| Tier(tier.into())).to_vec(),
        unit_ids: (0i64..).take(NEURONS).collect(),
        cell_motor_coordinates: Array2::from_shape_fn((NEURONS, 3), |(n, axis)| (10 * n + axis) as f32),
    };
    writer.finish(&meta).unwrap();
}
