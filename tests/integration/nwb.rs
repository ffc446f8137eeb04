//! Recordings as NWB files: what is written comes back, files of others are read as they mean, and what a file
//! lacks is said.

mod choice;
mod damaged;
mod foreign;
mod own;
mod pynwb;
mod series;

use std::path::Path;
use std::sync::Mutex;

use ndarray::{Array1, Array2, Array3};
use v1reel::data::format::npy_tree::{Meta, Writer};
use v1reel::data::format::nwb::{
    Choice, ExportOptions, FrameAxes, ImportOptions, Imported, ReconstructedMovie, Recording, export, import,
};
use v1reel::data::{Mouse, Tier, Trial, TrialId};
use v1reel::error::Result;
use v1reel::event::{Event, Observer, Silent};
use v1reel::hdf5_file::unlocked;

const NEURONS: usize = 5;

/// Keeps what was said.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn emit(&self, event: Event) {
        if let Event::Note { message } | Event::Warning { message } = event {
            self.0.lock().unwrap().push(message);
        }
    }
}

impl Heard {
    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

/// A trial of values that f32 holds with all its bits, or of whole grey levels.
fn trial(id: u32, frames: usize, rows: [usize; 2], whole: bool) -> Trial {
    let at = |a: usize, b: usize| (a * 31 + b * 7 + id as usize * 13) % 200;
    let pixel = |at: usize| if whole { at as f32 } else { at as f32 / 0.9 };
    Trial {
        id: TrialId(id),
        movie: Array3::from_shape_fn((frames, 6, 8), |(t, y, x)| pixel(at(t, y * 8 + x))),
        responses: Array2::from_shape_fn((NEURONS, frames), |(n, t)| at(n, t) as f32 / 7.0),
        behavior: Array2::from_shape_fn((rows[0], frames), |(r, t)| at(r, t) as f32 / 3.0),
        pupil_center: Array2::from_shape_fn((rows[1], frames), |(r, t)| at(t, r) as f32 / 11.0),
    }
}

/// Writes a mouse of three trials, the second one shorter.
fn write_mouse(root: &Path, rows: [usize; 2], whole: bool) -> Vec<Trial> {
    let lengths = [40, 37, 40].into_iter().zip(0u32..);
    let trials: Vec<Trial> = lengths.map(|(frames, id)| trial(id, frames, rows, whole)).collect();
    let mut writer = Writer::create(root).unwrap();
    trials.iter().for_each(|trial| writer.write_trial(trial, 44).unwrap());
    let meta = Meta {
        tiers: ["train", "oracle", "live_test_main"].map(|tier| Tier(tier.into())).to_vec(),
        unit_ids: vec![105, 3, 7, 1_000_000, 12],
        cell_motor_coordinates: Array2::from_shape_fn((NEURONS, 3), |(n, axis)| (n * 10 + axis) as f32 / 3.0),
    };
    writer.finish(&meta).unwrap();
    trials
}

fn exported(mouse: &Path, out: &Path) {
    export(&Mouse::open(mouse).unwrap(), &[], out, &ExportOptions::default(), &Silent).unwrap();
}

/// Asserts that `result` is an error of one line that says all of `words`.
fn assert_refused<T: std::fmt::Debug>(result: Result<T>, words: &[&str]) {
    let message = result.unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

fn imported(path: &Path, options: &ImportOptions) -> (Imported, Mouse, String) {
    let out = path.with_extension("mouse");
    let heard = Heard::default();
    let imported = import(path, &out, options, &heard).unwrap();
    (imported, Mouse::open(&out).unwrap(), heard.text())
}
