//! A damaged file is looked into as far as it goes. In the form that other tools write, HDF5 checks nothing, and some
//! damage ends the process inside it: each file is read in a process of its own.

use rand::Rng;
use v1reel::data::format::hdf5::convert;
use v1reel::seed;

use super::*;
use crate::integration::hostile_files::recordings::without_checksums;
use crate::integration::support::died_in_hdf5;

/// Damaged files: of ours with its checksums, and of the old form.
const CASES: u64 = 16;

#[test]
fn a_damaged_file_gets_a_report_or_ends_inside_hdf5() {
    let (folder, root) = mouse();
    let ours = folder.path().join("ours.h5");
    convert(&Mouse::open(&root).unwrap(), &ours, true, |_| ()).unwrap();
    let old = folder.path().join("old.h5");
    without_checksums(&ours, &old).unwrap();
    let forms = [&ours, &old].map(|path| fs::read(path).unwrap());
    let damaged = folder.path().join("damaged.h5");
    let (mut reported, mut died) = ([0, 0], [0, 0]);
    for case in 0..CASES {
        let form = (case % 2) as usize;
        let mut rng = seed::stream("damaged mouse", "bytes", &[&case.to_string()]);
        let mut bytes = forms[form].clone();
        for _ in 0..rng.random_range(1..30) {
            // Half of them where its structure begins.
            let end = if rng.random() { bytes.len() } else { bytes.len().min(6000) };
            bytes[rng.random_range(0..end)] = rng.random();
        }
        fs::write(&damaged, bytes).unwrap();
        let output = v1reel(&["data", "verify", "--json"], &damaged).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "case {case}: {said}");
        match output.status.code() {
            Some(0 | 1) => {
                serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
                reported[form] += 1;
            }
            None if died_in_hdf5(output.status) => died[form] += 1,
            _ => panic!("case {case}: {}: {said}", output.status),
        }
    }
    // Checksums keep HDF5 from believing what is damaged; without them most of it is met all the same.
    assert_eq!(died[0], 0, "{reported:?} {died:?}");
    assert!(reported[1] >= CASES as i32 / 4, "{reported:?} {died:?}");
}
