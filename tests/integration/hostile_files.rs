//! No file makes a reader panic, hang or take memory that the file does not hold: each is read, or refused by
//! name.
//!
//! `make fuzz` goes on for as long as one likes.

mod cases;
mod damage;
mod readers;
pub mod recordings;

use cases::Workbench;

/// Damaged files for each reader: a second of work or less.
const CASES: u64 = 300;

/// Tries the readers of files that end as one of `endings`.
fn survives(endings: &[&str]) {
    let workbench = Workbench::new();
    let mut tried = 0;
    let meant = |name: &str| endings.iter().any(|ending| name.ends_with(ending));
    for reader in workbench.readers.iter().filter(|reader| meant(reader.name)) {
        // What is not damaged is read: refusing everything is no achievement.
        workbench.read_whole(reader).unwrap();
        for number in 0..CASES {
            let judged = workbench.try_case(reader, number);
            judged.unwrap_or_else(|found| panic!("{}, case {number}: {found}", reader.name));
        }
        tried += 1;
    }
    assert!(tried > 0, "no reader of {endings:?}");
}

#[test]
fn damaged_arrays_of_a_recording_are_read_or_refused() {
    survives(&[".npy"]);
}

#[test]
fn damaged_models_and_states_of_a_training_are_read_or_refused() {
    survives(&[".safetensors"]);
}

#[test]
fn damaged_published_checkpoints_are_read_or_refused() {
    survives(&[".pth"]);
}

#[test]
fn damaged_experiment_files_are_read_or_refused() {
    survives(&[".toml"]);
}

#[test]
fn damaged_notes_of_a_run_are_read_or_refused() {
    survives(&[".json", ".csv"]);
}

/// In our own form, which has checksums. The old form is left to `make fuzz`: one damaged file in some ten
/// thousand ends the process in HDF5's own code.
#[test]
fn damaged_mice_and_results_in_hdf5_are_read_or_refused() {
    survives(&[".h5"]);
}
