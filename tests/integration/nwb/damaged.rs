//! Files that contradict themselves, claim what is not there, or are damaged.

use std::process::Command;
use std::str::FromStr;

use hdf5::Group;
use hdf5::types::VarLenUnicode;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::foreign::*;
use super::*;
use crate::integration::support::died_in_hdf5;

#[test]
fn series_that_contradict_themselves_are_refused() {
    let with = |edit: &dyn Fn(&hdf5::File)| {
        let (_folder, path) = foreign(&[]);
        let file = unlocked().open_rw(&path).unwrap();
        edit(&file);
        drop(file);
        open(&path)
    };
    let series = |file: &hdf5::File, name: &str| file.group(name).unwrap();
    let refill = |group: &Group, name: &str, values: &[f64]| {
        group.unlink(name).unwrap();
        group.new_dataset_builder().with_data(values).create(name).unwrap();
    };
    let stamps = |file: &hdf5::File, edit: &dyn Fn(&mut Vec<f64>)| {
        let group = series(file, RUNNING);
        let mut times: Vec<f64> = group.dataset("timestamps").unwrap().read_raw().unwrap();
        edit(&mut times);
        refill(&group, "timestamps", &times);
    };
    assert_refused(
        with(&|f| stamps(f, &|t| t.swap(7, 8))),
        &["running_speed/timestamps", "sample 7", "ascending"],
    );
    assert_refused(with(&|f| stamps(f, &|t| t[5] = f64::NAN)), &["NaN at sample 5"]);
    assert_refused(with(&|f| stamps(f, &|t| t.truncate(9))), &["[3600]", "9 timestamps"]);
    let rate = |file: &hdf5::File, rate: f32| {
        let attribute = series(file, RESPONSES).dataset("starting_time").unwrap().attr("rate").unwrap();
        attribute.write_scalar(&rate).unwrap();
    };
    for bad in [0.0, -3.0, f32::NAN, f32::INFINITY] {
        assert_refused(with(&|f| rate(f, bad)), &["starting_time", "expected a time and a rate above 0"]);
    }
    let conversion = |file: &hdf5::File| {
        let attribute = series(file, RESPONSES).dataset("data").unwrap().attr("conversion").unwrap();
        attribute.write_scalar(&0.0f32).unwrap();
    };
    assert_refused(with(&conversion), &["conversion 0"]);
    let turned = |file: &hdf5::File| {
        let group = series(file, RESPONSES);
        let data: Array2<f32> = group.dataset("data").unwrap().read().unwrap();
        group.unlink("data").unwrap();
        let turned = data.t().as_standard_layout().into_owned();
        group.new_dataset_builder().with_data(&turned).create("data").unwrap();
    };
    assert_refused(with(&turned), &["rois", "3 ROIs", "first axis"]);
    let rois = |file: &hdf5::File| {
        series(file, RESPONSES).dataset("rois").unwrap().write(&[0u8, 1, 9]).unwrap();
    };
    assert_refused(with(&rois), &["ROI 9", "3 rows"]);
    let text_data = |file: &hdf5::File| {
        let group = series(file, PUPIL);
        group.unlink("data").unwrap();
        let words = Array1::from_elem(751, VarLenUnicode::from_str("wide").unwrap());
        group.new_dataset_builder().with_data(&words).create("data").unwrap();
    };
    // What is no number is no pupil.
    assert!(with(&text_data).unwrap().notes().iter().any(|note| note.contains("pupil dilation: none found")));
    let dark = |file: &hdf5::File| {
        let data = series(file, MOVIE).dataset("data").unwrap();
        data.new_attr::<f64>().create("offset").unwrap().write_scalar(&-40.0).unwrap();
    };
    let recording = with(&dark);
    // The folder is gone, but the file is still open.
    assert_refused(
        recording.unwrap().read_trial(0, TrialId(0)),
        &["the movie has the value -", "0 (black) to 255"],
    );
}

#[test]
fn headers_that_claim_what_is_not_stored_are_refused() {
    let (_folder, path) = foreign(&[]);
    let file = unlocked().open_rw(&path).unwrap();
    let group = file.group(RUNNING).unwrap();
    for name in ["data", "timestamps"] {
        group.unlink(name).unwrap();
        let shape = [1usize << 40];
        group.new_dataset::<f64>().chunk([1 << 10]).shape(shape).create(name).unwrap();
    }
    drop((group, file));
    assert_refused(open(&path), &["running_speed", "[1099511627776]", "only 0 bytes are stored"]);
}

#[test]
fn damaged_files_are_errors_and_never_panics() {
    let (_folder, path) = foreign(&[]);
    let bytes = std::fs::read(&path).unwrap();
    let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let length = bytes.len();
    // Most of the file is pixels; its structure lies before and after them.
    let place = prop_oneof![0..length, 0..length.min(20_000)];
    let flips = proptest::collection::vec((place, any::<u8>()), 1..40);
    let cut = prop_oneof![3 => Just(length), 1 => 0..length];
    let damaged = tempfile::tempdir().unwrap();
    let ends = std::cell::RefCell::new(std::collections::BTreeMap::new());
    runner
        .run(&(flips, cut), |(flips, cut)| {
            let mut bytes = bytes.clone();
            flips.iter().for_each(|&(at, byte)| bytes[at] = byte);
            bytes.truncate(cut);
            let [file, out] = ["damaged.nwb", "out"].map(|name| damaged.path().join(name));
            std::fs::write(&file, &bytes).unwrap();
            let _ = std::fs::remove_dir_all(&out);
            // In a process of its own: libhdf5 checks nothing of files without checksums, and some damage ends it.
            let output = Command::new(env!("CARGO_BIN_EXE_v1reel"))
                .args(["data", "import"])
                .args([&file, &out])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            let end = match output.status.code() {
                Some(0) => "read",
                Some(1 | 2) if said.contains("damaged.nwb") => "refused by name",
                None if died_in_hdf5(output.status) && !said.contains("panicked") => "died in libhdf5",
                _ => return Err(TestCaseError::fail(format!("{}: {said}", output.status))),
            };
            *ends.borrow_mut().entry(end).or_insert(0) += 1;
            // Whatever it ended in, half a mouse is never left behind.
            prop_assert_eq!(out.exists(), end == "read");
            Ok(())
        })
        .unwrap();
    let ends = ends.into_inner();
    // Nearly all damage is met by name.
    assert!(ends.get("died in libhdf5").copied().unwrap_or(0) <= 6, "{ends:?}");
    assert!(ends.get("refused by name").copied().unwrap_or(0) >= 10, "{ends:?}");
    for (name, bytes) in [("empty", &b""[..]), ("text", b"no HDF5"), ("cut", &bytes[..700])] {
        let path = damaged.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        assert_refused(open(&path), &[name, "not an NWB file"]);
    }
    assert_refused(open(&damaged.path().join("nothing")), &["nothing"]);
    let plain = damaged.path().join("plain.h5");
    unlocked().create(&plain).unwrap();
    assert_refused(open(&plain), &["not an NWB 2 file", "nwb_version"]);
}
