//! What a file lacks, and of several the one that is meant.

use std::str::FromStr;

use hdf5::types::VarLenUnicode;
use ndarray::s;

use super::foreign::*;
use super::*;

#[test]
fn what_a_file_lacks_is_named_with_what_to_do() {
    let refused = |skip: &[&str], words: &[&str]| {
        let (_folder, path) = foreign(skip);
        assert_refused(open(&path), &[&["foreign.nwb"], words].concat());
    };
    refused(&["responses"], &["no RoiResponseSeries", "processing"]);
    refused(&["movie"], &["no frames of movies", "--movie"]);
    // Behavior may be missing; it is said, with the flag that names it.
    let (_folder, path) = foreign(&["running", "pupil"]);
    let (found, _, said) = imported(&path, &ImportOptions::default());
    assert_eq!((found.trials, found.behavior_rows), (3, [0, 0]));
    for words in ["running speed: none found", "--running NAME", "pupil dilation: none", "pupil center: none"]
    {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    // Without a table of trials every presented series is one.
    let (_folder, path) = foreign(&["trials"]);
    let file = unlocked().open_rw(&path).unwrap();
    file.dataset("stimulus/presentation/movie/starting_time").unwrap().write_scalar(&0.2).unwrap();
    drop(file);
    let recording = open(&path).unwrap();
    assert_eq!((recording.intervals(), recording.frames(0)), (1, Ok(900)));
    assert!(recording.notes().iter().any(|note| note.contains("no table of them")));
    // Movies that are elsewhere.
    let (_folder, path) = foreign(&["movie"]);
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    let movie = file.group(MOVIE, "ImageSeries");
    let files = Array1::from_elem(1, VarLenUnicode::from_str("clips/a.mp4").unwrap());
    movie.new_dataset_builder().with_data(&files).create("external_file").unwrap();
    drop((movie, file));
    assert_refused(open(&path), &[MOVIE, "clips/a.mp4", "write them"]);
    let (_folder, path) = foreign(&[]);
    unlocked()
        .open_rw(&path)
        .unwrap()
        .unlink("processing/ophys/DfOverF/RoiResponseSeries/starting_time")
        .unwrap();
    assert_refused(open(&path), &[RESPONSES, "neither timestamps nor starting_time"]);
}

#[test]
fn of_several_the_best_is_taken_and_a_doubt_is_asked_about() {
    let (_folder, path) = foreign(&[]);
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    let times = Times::Rate(0.0, 10.0);
    let other = Array2::from_elem((300, 3), 9.0f32);
    file.responses("processing/ophys/Fluorescence/raw", CELLS, &other, &times, None);
    drop(file);
    // dF/F before raw fluorescence of the same cells.
    let recording = open(&path).unwrap();
    assert!(recording.notes()[0].contains("DfOverF/RoiResponseSeries"), "{:?}", recording.notes());
    let named = |name: &str| {
        let options = ImportOptions { responses: vec![name.into()], ..ImportOptions::default() };
        Recording::open(&path, &options)
    };
    let trial = named("raw").unwrap().read_trial(0, TrialId(0)).unwrap().unwrap();
    assert!(trial.responses.iter().all(|&v| v == 9.0));
    assert!(named("processing/ophys/Fluorescence").unwrap().notes()[0].contains("/raw"));
    assert_refused(
        named("spikes"),
        &["\"spikes\"", "--responses", "/processing/ophys/Fluorescence/raw", "[300, 3]"],
    );
    drop(recording);
    // A second series of equal standing, of the same cells.
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    file.responses("processing/ophys/DfOverF/smoothed", CELLS, &other, &times, None);
    drop(file);
    assert_refused(
        open(&path),
        &["not clear", "--responses", "DfOverF/smoothed", "DfOverF/RoiResponseSeries"],
    );
    assert!(named("smoothed").is_ok());
    // Of other cells it is another plane.
    let (_folder, path) = foreign(&[]);
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    file.responses(
        "processing/ophys/DfOverF/deep",
        "processing/ophys/ImageSegmentation/deep",
        &other,
        &times,
        None,
    );
    drop(file);
    let recording = open(&path).unwrap();
    assert_eq!(recording.neurons(), 6);
    let trial = recording.read_trial(0, TrialId(0)).unwrap().unwrap();
    let constant: Vec<bool> = trial.responses.outer_iter().map(|row| row.iter().all(|&v| v == 9.0)).collect();
    assert_eq!(constant.iter().filter(|&&deep| deep).count(), 3);
    assert_eq!(recording.unit_ids(), [0, 1, 2, 3, 4, 5], "ids that stand for two cells are replaced");
    drop(recording);
    // Tables of trials.
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    file.trials("movies", &[(2.0, 4.0, "train")]);
    drop(file);
    assert_eq!(open(&path).unwrap().intervals(), 3, "the one called trials");
    let options = ImportOptions { trials: Some("movies".into()), ..ImportOptions::default() };
    assert_eq!(Recording::open(&path, &options).unwrap().frames(0), Ok(60));
    let options = ImportOptions { trials: Some("epochs".into()), ..ImportOptions::default() };
    assert_refused(Recording::open(&path, &options), &["\"epochs\"", "movies, trials"]);
    let options = ImportOptions { running: Choice::Named("wheel".into()), ..ImportOptions::default() };
    assert_refused(Recording::open(&path, &options), &["\"wheel\"", "--running", RUNNING]);
}

#[test]
fn trials_in_which_something_was_not_recorded_are_left_out_and_named() {
    let (_folder, path) = foreign(&["trials", "pupil"]);
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    let times = Times::Rate(0.0, 25.0);
    let mut size: Array1<f64> = times.list(751).iter().map(|t| 40.0 + t).collect();
    // Two seconds, from 12 s on: nobody blinks as long.
    size.slice_mut(s![300..350]).fill(f64::NAN);
    file.series(PUPIL, "TimeSeries", size.view(), &times, None);
    let rows = [
        (1.0, 3.0, "train"),
        (11.0, 14.0, "train"),
        (29.0, 32.0, "train"),
        (5.0, 5.0, "train"),
        (6.0, f64::NAN, "train"),
        (7.0, 1e300, "train"),
        (20.0, 23.0, "oracle"),
    ];
    file.trials("trials", &rows);
    drop(file);
    let (found, mouse, said) = imported(&path, &ImportOptions::default());
    assert_eq!((found.trials, mouse.trials.len()), (2, 2));
    assert_eq!(found.left_out.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(mouse.trials[1].tier.0, "oracle");
    assert_eq!(mouse.trials.iter().map(|t| t.frames).collect::<Vec<_>>(), [60, 90]);
    for words in [
        "row 1 is left out: /processing/behavior/PupilTracking/pupil_size has no samples between 11.960 s and 14.000 s",
        "row 2 is left out: /processing/ophys/DfOverF/RoiResponseSeries ends",
        "row 3 is left out: it goes from 5 s to 5 s",
        "5 rows of the table of trials are left out",
    ] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    let patient = ImportOptions { longest_gap_s: 3.0, ..ImportOptions::default() };
    assert!(Recording::open(&path, &patient).unwrap().read_trial(1, TrialId(0)).unwrap().is_ok());
    // When nothing is left, nothing is written.
    let (_folder, path) = foreign(&["trials"]);
    Foreign { file: unlocked().open_rw(&path).unwrap() }.trials("trials", &[(100.0, 110.0, "train")]);
    let out = path.with_extension("mouse");
    let result = import(&path, &out, &ImportOptions::default(), &Silent);
    assert_refused(result, &["none of its 1 trials", "ends at"]);
    assert!(!out.exists());
}
