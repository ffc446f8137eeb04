//! The recordings that the loader bench reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hdf5::types::FixedUnicode;
use ndarray::{Array1, Array2, Array3};
use v1reel::data::format::hdf5::convert;
use v1reel::data::format::npy_array::write_texts;
use v1reel::data::format::npy_tree::{Meta, Writer};
use v1reel::data::{Mouse, Tier, Trial, TrialId};

/// As many as a published mouse has.
pub const NEURONS: usize = 7900;
pub const FRAMES: usize = 300;
/// Frames of the files, the last of them NaN.
const PADDED_FRAMES: usize = 324;
/// So many that a few clips are of different ones.
const TRIALS: u32 = 48;
/// Trials of the long recording: every file stands there under so many names.
pub const LONG_TRIALS: u32 = 32 * TRIALS;

/// One mouse in three forms; and a long recording of the same files over and over.
pub struct Mice {
    pub tree: PathBuf,
    pub plain: PathBuf,
    pub compressed: PathBuf,
    pub long_tree: PathBuf,
    pub long_plain: PathBuf,
}

pub fn write(folder: &Path) -> Mice {
    let path = |name: &str| folder.join(name);
    let mice = Mice {
        tree: path("mouse"),
        plain: path("plain.h5"),
        compressed: path("compressed.h5"),
        long_tree: path("long"),
        long_plain: path("long.h5"),
    };
    write_mouse(&mice.tree);
    let mouse = Mouse::open(&mice.tree).expect("the mouse");
    convert(&mouse, &mice.plain, false, |_| ()).expect("a file");
    convert(&mouse, &mice.compressed, true, |_| ()).expect("a file");
    lengthen_tree(&mice.tree, &mice.long_tree).expect("links");
    fs::copy(&mice.plain, &mice.long_plain).expect("a copy");
    lengthen_file(&mice.long_plain).expect("links");
    mice
}

/// Gigabytes of the long recording's arrays as `.npy` files.
pub fn long_gigabytes() -> f64 {
    let values = (NEURONS + 36 * 64 + 4) * PADDED_FRAMES;
    f64::from(LONG_TRIALS) * (4 * values) as f64 / 1e9
}

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
        writer.write_trial(&trial, PADDED_FRAMES).expect("a trial");
    }
    let meta = Meta {
        tiers: vec![Tier("train".into()); TRIALS as usize],
        unit_ids: (0..NEURONS as i64).collect(),
        cell_motor_coordinates: Array2::zeros((NEURONS, 3)),
    };
    writer.finish(&meta).expect("a mouse");
}

fn lengthen_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    for array in ["videos", "responses", "behavior", "pupil_center"] {
        let folder = Path::new("data").join(array);
        fs::create_dir_all(to.join(&folder))?;
        for id in 0..LONG_TRIALS {
            let file = |id: u32| folder.join(format!("{id}.npy"));
            fs::hard_link(from.join(file(id % TRIALS)), to.join(file(id)))?;
        }
    }
    fs::create_dir_all(to.join("meta/trials"))?;
    let tiers = vec!["train"; LONG_TRIALS as usize];
    write_texts(&to.join("meta/trials/tiers.npy"), &tiers).map_err(std::io::Error::other)
}

fn lengthen_file(path: &Path) -> hdf5::Result<()> {
    let file = hdf5::File::open_rw(path)?;
    for array in ["videos", "responses", "behavior", "pupil_center"] {
        for id in TRIALS..LONG_TRIALS {
            file.link_hard(&format!("data/{array}/{}", id % TRIALS), &format!("data/{array}/{id}"))?;
        }
    }
    let tier = FixedUnicode::<64>::from_str("train").map_err(|e| e.to_string())?;
    let tiers = Array1::from_elem(LONG_TRIALS as usize, tier);
    let frames = Array1::from_elem(LONG_TRIALS as usize, FRAMES as u64);
    for name in ["tiers", "frames"] {
        file.unlink(&format!("meta/trials/{name}"))?;
    }
    file.new_dataset_builder().with_data(&tiers).create("meta/trials/tiers")?;
    file.new_dataset_builder().with_data(&frames).create("meta/trials/frames")?;
    file.close()
}
