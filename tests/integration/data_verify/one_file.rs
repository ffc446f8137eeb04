//! The same traps in a mouse that is one HDF5 file, planted as somebody with h5py would.

use ndarray::{ArrayD, Axis, Slice};
use v1reel::data::format::hdf5::convert;
use v1reel::hdf5_file::unlocked;

use super::*;

const ARRAYS: [&str; 4] = ["videos", "responses", "behavior", "pupil_center"];

/// Converts a sound mouse to one file.
fn one_file(compress: bool) -> (TempDir, PathBuf) {
    let (folder, root) = mouse();
    let file = folder.path().join("file/mouse_a.h5");
    fs::create_dir(file.parent().unwrap()).unwrap();
    convert(&Mouse::open(&root).unwrap(), &file, compress, |_| ()).unwrap();
    (folder, file)
}

fn edit<T>(file: &Path, edit: impl FnOnce(&hdf5::File) -> hdf5::Result<T>) -> T {
    let opened = unlocked().open_rw(file).unwrap();
    let made = edit(&opened).unwrap();
    opened.close().unwrap();
    made
}

/// Writes an array again as `alter` leaves it; its first axis is time.
fn alter(file: &Path, name: &str, alter: impl FnOnce(ArrayD<f32>) -> ArrayD<f32>) {
    edit(file, |h5| {
        let values = alter(h5.dataset(name)?.read()?);
        h5.unlink(name)?;
        h5.new_dataset_builder().no_chunk().with_data(&values).create(name).map(drop)
    });
}

/// Puts `value` into an array.
fn plant(file: &Path, name: &str, at: &[usize], value: f32) {
    alter(file, name, |mut values| {
        values[at] = value;
        values
    });
}

/// Asserts that one problem is found, in that file, with those words.
fn assert_found(file: &Path, kind: Kind, trial: Option<u32>, words: &[&str]) -> Problem {
    let problem = assert_only(file, kind, trial, file);
    for words in words {
        assert!(problem.message.contains(words), "{words}: {}", problem.message);
    }
    problem
}

#[test]
fn a_sound_file_has_no_problems_plain_or_compressed_and_is_found_in_a_folder() {
    for compress in [false, true] {
        let (_folder, file) = one_file(compress);
        for path in [file.as_path(), file.parent().unwrap()] {
            let report = report(path);
            assert_eq!(report.problems, []);
            let [mouse] = &report.mice[..] else { panic!("{report:?}") };
            assert_eq!((mouse.mouse.0.as_str(), mouse.trials, mouse.neurons), ("mouse_a", 5, NEURONS));
            assert_eq!((mouse.frames_min, mouse.frames_max), (FRAMES, FRAMES));
        }
    }
}

#[test]
fn values_that_are_no_numbers_are_found_where_they_stand() {
    let (_folder, file) = one_file(false);
    plant(&file, "data/responses/1", &[7, 5], f32::NAN);
    assert_found(
        &file,
        Kind::NanInside,
        Some(1),
        &["data/responses/1: ", "frame 7, neuron 5", "tier 'none'"],
    );
    assert!(!readers_accept(&file));
    let (_folder, file) = one_file(true);
    plant(&file, "data/pupil_center/2", &[0, 1], f32::NAN);
    assert_found(&file, Kind::NanAtStart, Some(2), &["data/pupil_center/2: ", "row 1"]);
    assert!(!readers_accept(&file));
    let (_folder, file) = one_file(false);
    plant(&file, "data/behavior/0", &[3, 0], f32::INFINITY);
    assert_found(&file, Kind::NotFinite, Some(0), &["inf at frame 3"]);
    assert!(!readers_accept(&file));
    let (_folder, file) = one_file(false);
    plant(&file, "data/videos/1", &[3, 1, 2], 300.0);
    assert_found(&file, Kind::MovieOutOfRange, Some(1), &["pixel (1, 2)", "0..255"]);
    // Here a tail of NaN is no end: the readers take every frame that is there.
    let (_folder, file) = one_file(false);
    alter(&file, "data/behavior/0", |mut values| {
        values.slice_axis_mut(Axis(0), Slice::from(FRAMES - 2..)).fill(f32::NAN);
        values
    });
    assert_found(&file, Kind::NanInside, Some(0), &["frame 22", "3 more"]);
    assert!(!readers_accept(&file));
}

#[test]
fn withheld_responses_stored_as_zeros_or_nan_are_found_and_those_that_are_not_there_are_fine() {
    let (_folder, file) = one_file(false);
    alter(&file, "data/responses/3", |values| values * 0.0);
    assert_found(&file, Kind::ZeroResponses, Some(3), &["withheld", "live_test_main"]);
    alter(&file, "data/responses/3", |values| values * f32::NAN);
    assert_found(&file, Kind::NoValidFrames, Some(3), &["nothing but NaN"]);
    edit(&file, |h5| h5.unlink("data/responses/3"));
    assert_eq!(report(&file).problems, []);
    edit(&file, |h5| h5.unlink("data/responses/1"));
    assert_found(&file, Kind::MissingFile, Some(1), &["data/responses/1: missing", "\"train\""]);
    assert!(!readers_accept(&file));
}

#[test]
fn arrays_that_do_not_fit_each_other_are_found() {
    let cut = |values: ArrayD<f32>| values.slice_axis(Axis(0), Slice::from(..FRAMES - 3)).to_owned();
    let (folder, whole) = one_file(false);
    let file = folder.path().join("file/mouse_a.hdf5");
    let again = || fs::copy(&whole, &file).unwrap();
    for array in ARRAYS {
        again();
        let name = format!("data/{array}/0");
        alter(&file, &name, cut);
        assert_found(&file, Kind::LengthsDiffer, Some(0), &[&name, "21 ", "24 "]);
        assert!(!readers_accept(&file));
    }
    // All arrays alike, so that only the written length is another one.
    again();
    ARRAYS.iter().for_each(|array| alter(&file, &format!("data/{array}/0"), cut));
    let words = ["meta/trials/frames: says 24 frames, the arrays have 21", "convert"];
    assert_found(&file, Kind::LengthsDiffer, Some(0), &words);
    assert!(!readers_accept(&file));
    let without_first = |axis| move |v: ArrayD<f32>| v.slice_axis(Axis(axis), Slice::from(1..)).to_owned();
    again();
    alter(&file, "data/responses/2", without_first(1));
    assert_found(&file, Kind::NeuronCountDiffers, Some(2), &["neurons: 5, but 6 in 4 of 5"]);
    again();
    alter(&file, "data/videos/2", without_first(1));
    assert_found(&file, Kind::FrameSizeDiffers, Some(2), &["5 x 8, but 6 x 8"]);
    again();
    alter(&file, "meta/neurons/cell_motor_coordinates", without_first(0));
    assert_found(&file, Kind::NeuronCountDiffers, None, &["cell_motor_coordinates: ", "5 neurons"]);
    assert!(!readers_accept(&file));
}

#[test]
fn parts_that_are_missing_or_too_many_are_found() {
    for array in ["videos", "behavior"] {
        let (_folder, file) = one_file(false);
        edit(&file, |h5| h5.unlink(&format!("data/{array}/1")));
        assert_found(&file, Kind::MissingFile, Some(1), &["missing", "convert the recording again"]);
        assert!(!readers_accept(&file));
    }
    let (_folder, file) = one_file(false);
    edit(&file, |h5| h5.unlink("meta/trials/tiers"));
    assert_found(&file, Kind::MissingTiers, None, &["meta/trials/tiers: missing"]);
    assert!(!readers_accept(&file));
    let (_folder, file) = one_file(false);
    edit(&file, |h5| h5.unlink("meta/trials/frames"));
    assert_found(&file, Kind::MissingFile, None, &["meta/trials/frames: missing"]);
    let (_folder, file) = one_file(false);
    edit(&file, |h5| ARRAYS.iter().try_for_each(|array| h5.unlink(&format!("data/{array}/4"))));
    assert_found(&file, Kind::TiersMismatch, None, &["5 tiers", "end at 3"]);
    assert!(!readers_accept(&file));
    let (_folder, file) = one_file(false);
    edit(&file, |h5| h5.unlink("meta/statistics/responses/all/mean"));
    let remark = assert_found(&file, Kind::NoStatistics, None, &["meta/statistics/responses/all", "(mean)"]);
    assert_eq!(remark.severity, Severity::Remark);
    assert!(readers_accept(&file));
}

#[test]
fn other_types_and_shapes_and_claims_are_found() {
    let replace = |name: &str, shape: &[usize]| {
        let (folder, file) = one_file(false);
        edit(&file, |h5| {
            h5.unlink(name)?;
            h5.new_dataset_builder().with_data(&ArrayD::<f64>::ones(shape)).create(name).map(drop)
        });
        (folder, file)
    };
    let (_folder, file) = replace("data/behavior/1", &[FRAMES, 2]);
    assert_found(&file, Kind::WrongType, Some(1), &["data/behavior/1 holds float64"]);
    assert!(!readers_accept(&file));
    let (_folder, file) = replace("data/behavior/1", &[FRAMES]);
    assert_found(&file, Kind::WrongShape, Some(1), &["data/behavior/1 has shape [24]"]);
    let (_folder, file) = replace("meta/trials/tiers", &[5]);
    assert_found(&file, Kind::WrongType, None, &["meta/trials/tiers holds float64"]);
    // Never written, so that it takes no room: nothing is allocated for it.
    let (_folder, file) = one_file(false);
    edit(&file, |h5| {
        h5.unlink("data/responses/1")?;
        let huge = h5.new_dataset::<f32>().chunk((1, 16)).shape((FRAMES, 1usize << 50));
        huge.create("data/responses/1").map(drop)
    });
    assert_found(&file, Kind::UnreadableFile, Some(1), &["data/responses/1", "longer than the file"]);
    assert!(!readers_accept(&file));
}

#[test]
fn movies_that_repeat_or_leak_are_found() {
    let (_folder, file) = one_file(false);
    let movie: ArrayD<f32> = edit(&file, |h5| h5.dataset("data/videos/0")?.read());
    for trial in [1, 2] {
        alter(&file, &format!("data/videos/{trial}"), |_| movie.clone());
    }
    let found = report(&file).problems;
    let found: BTreeSet<_> = found.iter().map(|p| (p.kind, p.trial.unwrap().0, p.file.clone())).collect();
    let planted = [(Kind::RepeatedMovie, 1), (Kind::RepeatedMovie, 2), (Kind::HeldOutMovieInTraining, 2)];
    assert_eq!(found, planted.map(|(kind, trial)| (kind, trial, Some(file.clone()))).into());
}

#[test]
fn damaged_and_foreign_files_are_told_apart() {
    let (folder, file) = one_file(true);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert_found(&file, Kind::UnreadableFile, None, &["damaged"]);
    // In a folder of mice as well: whatever it was, it is lost.
    assert_eq!(report(file.parent().unwrap()).problems[0].kind, Kind::UnreadableFile);
    // Compressed data that is not what was compressed.
    let mut bytes = whole.clone();
    fs::write(&file, &whole).unwrap();
    let first = edit(&file, |h5| Ok(h5.dataset("data/videos/1")?.chunk_info(0).unwrap()));
    bytes[first.addr as usize..][..16].fill(0xff);
    fs::write(&file, bytes).unwrap();
    assert_found(&file, Kind::UnreadableFile, Some(1), &["data/videos/1: ", "again"]);
    let foreign = folder.path().join("file/other.h5");
    unlocked().create(&foreign).unwrap().create_group("results").unwrap();
    let found = report(&foreign).problems;
    assert_eq!((found[0].kind, found[0].file.as_deref()), (Kind::NotAMouse, Some(foreign.as_path())));
    // Results that lie beside mice are nobody's business.
    fs::write(&file, &whole).unwrap();
    assert_eq!(report(file.parent().unwrap()).problems, []);
}

#[test]
fn an_experiment_with_mice_in_one_file_is_verified() {
    let (_folder, file) = one_file(false);
    plant(&file, "data/responses/1", &[7, 5], f32::NAN);
    let experiment = file.with_extension("toml");
    fs::write(&experiment, "preset = \"demo\"\n[data]\nmice = [\"mouse_a.h5\"]\n").unwrap();
    let failed = v1reel(&["data", "verify"], &experiment).assert().code(1);
    failed.stdout(contains("error nan_inside (1)")).stdout(contains("data/responses/1"));
}
