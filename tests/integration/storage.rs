//! A mouse in one HDF5 file: the same arrays as from its folder, and what is refused and how.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;
use v1reel::data::format::hdf5::convert;
use v1reel::data::format::npy_tree::{Meta, Writer};
use v1reel::data::{Mouse, Tier, Trial, TrialId};
use v1reel::hdf5_file::unlocked;

const NEURONS: usize = 37;
const FRAMES: usize = 40;

/// Writes three trials, the second one shorter; movies of whole numbers or not.
fn write_mouse(rows: [usize; 2], whole: bool) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mouse_a");
    let mut writer = Writer::create(&root).unwrap();
    for (id, frames) in [(0u32, FRAMES), (1, FRAMES - 3), (2, FRAMES)] {
        let at = |a: usize, b: usize| ((a * 31 + b * 7 + id as usize * 13) % 200) as f32;
        let shift = if whole { 0.0 } else { -0.3 };
        let trial = Trial {
            id: TrialId(id),
            movie: Array3::from_shape_fn((frames, 6, 8), |(t, y, x)| at(t, y * 8 + x) + shift),
            responses: Array2::from_shape_fn((NEURONS, frames), |(n, t)| at(n, t) / 7.0 - 1.0),
            behavior: Array2::from_shape_fn((rows[0], frames), |(r, t)| at(r, t) / 3.0),
            pupil_center: Array2::from_shape_fn((rows[1], frames), |(r, t)| at(t, r)),
        };
        writer.write_trial(&trial, FRAMES + 4).unwrap();
    }
    let meta = Meta {
        tiers: ["train", "oracle", "live_test_main"].map(|tier| Tier(tier.into())).to_vec(),
        unit_ids: (0..NEURONS as i64).map(|n| n - 5).collect(),
        cell_motor_coordinates: Array2::from_shape_fn((NEURONS, 3), |(n, axis)| (10 * n + axis) as f32),
    };
    writer.finish(&meta).unwrap();
    (folder, root)
}

fn converted(root: &Path, compress: bool) -> PathBuf {
    let out = root.with_extension("h5");
    convert(&Mouse::open(root).unwrap(), &out, compress, |_| ()).unwrap();
    out
}

/// Asserts that both forms of a mouse say the same and give the same arrays, whole and in clips.
fn assert_same(root: &Path, file: &Path) {
    let (npy, h5) = (Mouse::open(root).unwrap(), Mouse::open(file).unwrap());
    assert_eq!((&npy.id, npy.neurons, npy.frame_size), (&h5.id, h5.neurons, h5.frame_size));
    assert_eq!(npy.behavior_rows, h5.behavior_rows);
    assert_eq!(npy.pupil_center_rows, h5.pupil_center_rows);
    assert_eq!(npy.trials, h5.trials);
    assert_eq!(npy.unit_ids, h5.unit_ids);
    assert_eq!(npy.cell_motor_coordinates, h5.cell_motor_coordinates);
    for trial in &npy.trials {
        assert_eq!(npy.read_movie(trial.id).unwrap(), h5.read_movie(trial.id).unwrap());
        if trial.withheld {
            assert!(h5.read_trial(trial.id).unwrap_err().to_string().contains("withheld"));
            continue;
        }
        assert_eq!(npy.read_trial(trial.id).unwrap(), h5.read_trial(trial.id).unwrap());
        for clip in [vec![0, 2, 4, 36], vec![9, 3, 3], (5..21).collect(), Vec::new()] {
            let read = |mouse: &Mouse| mouse.read_frames(trial.id, clip.iter().copied()).unwrap();
            assert_eq!(read(&npy), read(&h5), "{clip:?}");
        }
        let beyond = h5.read_frames(trial.id, [trial.frames].into_iter()).unwrap_err().to_string();
        assert!(beyond.contains("was asked for"), "{beyond}");
    }
}

#[test]
fn one_file_gives_the_same_arrays_as_the_folder() {
    for compress in [false, true] {
        for (rows, whole) in [([2, 2], true), ([2, 0], false), ([0, 0], true)] {
            let (_folder, root) = write_mouse(rows, whole);
            let file = converted(&root, compress);
            assert_same(&root, &file);
            let movie = unlocked().open(&file).unwrap().dataset("data/videos/1").unwrap();
            assert_eq!(movie.shape(), [FRAMES - 3, 6, 8], "the tail of NaN is cut off");
            assert_eq!(movie.dtype().unwrap().size(), if whole { 1 } else { 4 });
        }
    }
}

#[test]
fn withheld_responses_stay_withheld() {
    let (_folder, root) = write_mouse([2, 2], true);
    fs::remove_file(root.join("data/responses/2.npy")).unwrap();
    let file = converted(&root, false);
    assert!(Mouse::open(&file).unwrap().trial(TrialId(2)).unwrap().withheld);
    assert_same(&root, &file);
}

#[test]
fn statistics_are_copied_or_else_computed_to_the_same_values() {
    let (_folder, root) = write_mouse([2, 2], true);
    let read = |file: &Path| -> Vec<f32> {
        unlocked()
            .open(file)
            .unwrap()
            .dataset("meta/statistics/responses/all/std")
            .unwrap()
            .read_raw()
            .unwrap()
    };
    let copied = converted(&root, false);
    fs::remove_dir_all(root.join("meta/statistics")).unwrap();
    let computed = root.with_file_name("computed.h5");
    convert(&Mouse::open(&root).unwrap(), &computed, true, |_| ()).unwrap();
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    let (copied, computed) = (bits(read(&copied)), bits(read(&computed)));
    assert_eq!((copied.len(), &copied), (NEURONS * (FRAMES + 4), &computed));
}

#[test]
fn a_damaged_trial_is_named_and_leaves_no_file() {
    let (_folder, root) = write_mouse([2, 2], true);
    let mouse = Mouse::open(&root).unwrap();
    let path = root.join("data/responses/1.npy");
    let mut bytes = fs::read(&path).unwrap();
    bytes[128..132].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let out = root.with_extension("h5");
    let error = convert(&mouse, &out, false, |_| ()).unwrap_err().to_string();
    assert!(error.contains("responses/1.npy") && error.contains("NaN at frame 0"), "{error}");
    assert_eq!(fs::read_dir(root.parent().unwrap()).unwrap().count(), 1, "nothing but the mouse is left");
}

#[test]
fn what_is_no_mouse_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign.h5");
    fs::write(&path, b"not a mouse").unwrap();
    let error = Mouse::open(&path).unwrap_err().to_string();
    assert!(error.contains("foreign.h5") && error.contains("not an HDF5 file"), "{error}");
    fs::remove_file(&path).unwrap();
    unlocked().create(&path).unwrap().create_group("data").unwrap();
    let error = Mouse::open(&path).unwrap_err().to_string();
    assert!(error.contains("foreign.h5") && error.contains("not of a mouse"), "{error}");
}

/// Opens a file of ours to damage it; without locks, which processes that other tests start would inherit.
fn open_to_change(file: &Path) -> hdf5::File {
    hdf5::File::with_options().with_fapl(|access| access.file_locking(false)).open_rw(file).unwrap()
}

#[test]
fn a_file_that_somebody_locked_is_read_all_the_same() {
    let (_folder, root) = write_mouse([2, 2], true);
    let file = converted(&root, false);
    let locked = fs::File::open(&file).unwrap();
    // The lock that HDF5 takes to write.
    locked.lock().unwrap();
    assert_same(&root, &file);
}

#[test]
fn data_in_another_file_is_refused() {
    let (_folder, root) = write_mouse([2, 2], true);
    let file = converted(&root, false);
    let secret = root.with_file_name("secret");
    fs::write(&secret, vec![0; 4 * (FRAMES - 3) * NEURONS]).unwrap();
    let h5 = open_to_change(&file);
    h5.unlink("data/responses/1").unwrap();
    let size = fs::metadata(&secret).unwrap().len() as usize;
    let builder = h5.new_dataset::<f32>().external(secret.to_str().unwrap(), 0, size);
    builder.shape((FRAMES - 3, NEURONS)).create("data/responses/1").unwrap();
    h5.close().unwrap();
    let error = Mouse::open(&file).unwrap_err().to_string();
    assert!(error.contains("mouse_a.h5") && error.contains("data/responses/1"), "{error}");
}

#[test]
fn sizes_that_lie_are_refused_before_anything_is_allocated() {
    for (name, compress) in
        [("data/responses/1", false), ("data/responses/1", true), ("meta/trials/frames", false)]
    {
        let (_folder, root) = write_mouse([2, 2], true);
        let file = converted(&root, compress);
        let h5 = open_to_change(&file);
        h5.unlink(name).unwrap();
        // Never written, so that it takes no room.
        let huge = h5.new_dataset::<f32>();
        if name.starts_with("meta") {
            huge.shape([1usize << 50]).create(name).unwrap();
        } else {
            huge.chunk((1, 16)).shape((FRAMES - 3, 1usize << 50)).create(name).unwrap();
        }
        h5.close().unwrap();
        let error = Mouse::open(&file).unwrap_err().to_string();
        assert!(error.contains("mouse_a.h5") && error.contains(name), "{error}");
    }
}

#[test]
fn a_damaged_file_never_panics() {
    let (_folder, root) = write_mouse([2, 2], true);
    let file = converted(&root, true);
    let whole = fs::read(&file).unwrap();
    let broken = root.with_file_name("broken.h5");
    let damage = prop::collection::vec((0..whole.len(), any::<u8>()), 1..8);
    let cut = prop::option::of(0..whole.len());
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) };
    let outcome = TestRunner::new(config).run(&(damage, cut), |(damage, cut)| {
        let mut bytes = whole.clone();
        damage.into_iter().for_each(|(at, value)| bytes[at] = value);
        bytes.truncate(cut.unwrap_or(usize::MAX));
        fs::write(&broken, bytes).unwrap();
        let read = Mouse::open(&broken)
            .and_then(|mouse| mouse.trials.iter().try_for_each(|trial| mouse.read_trial(trial.id).map(drop)));
        let message = read.err().map_or(String::new(), |error| error.to_string());
        prop_assert!(message.is_empty() || message.contains("broken.h5"), "{message}");
        Ok(())
    });
    outcome.unwrap();
}
