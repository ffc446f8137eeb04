//! NWB files: what an import would make of them is looked at before it is made.

use ndarray::{Array3, s};
use v1reel::data::format::nwb::{ExportOptions, export};
use v1reel::hdf5_file::unlocked;

use super::*;

fn exported() -> (TempDir, PathBuf) {
    let (folder, root) = mouse();
    let file = folder.path().join("mouse_a.nwb");
    export(&Mouse::open(&root).unwrap(), &[], &file, &ExportOptions::default(), &Silent).unwrap();
    (folder, file)
}

fn edit<T>(file: &Path, edit: impl FnOnce(&hdf5::File) -> hdf5::Result<T>) -> T {
    edit(&unlocked().open_rw(file).unwrap()).unwrap()
}

#[test]
fn a_sound_file_is_what_it_would_be_after_an_import() {
    let (_folder, file) = exported();
    let report = report(&file);
    assert_eq!(report.problems, []);
    let [mouse] = &report.mice[..] else { panic!("{report:?}") };
    assert_eq!((mouse.mouse.0.as_str(), mouse.trials, mouse.neurons), ("mouse_a", 5, NEURONS));
    assert_eq!((mouse.frames_min, mouse.frames_max), (FRAMES, FRAMES));
    v1reel(&["data", "verify"], &file).assert().success().stderr(contains("once it is imported"));
}

#[test]
fn rows_that_an_import_leaves_out_are_remarks_unless_nothing_is_left() {
    let (_folder, file) = exported();
    let stops = "intervals/trials/stop_time";
    edit(&file, |h5| {
        let mut times: Vec<f64> = h5.dataset(stops)?.read_raw()?;
        times[1] = f64::NAN;
        h5.dataset(stops)?.write(&times)
    });
    let problem = assert_only(&file, Kind::NotImported, Some(1), &file);
    assert_eq!(problem.severity, Severity::Remark);
    assert!(problem.message.contains("leave out row 1"), "{}", problem.message);
    edit(&file, |h5| h5.dataset(stops)?.write(&[f64::NAN; 5]));
    let kinds: BTreeSet<Kind> = report(&file).problems.iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, BTreeSet::from([Kind::NotImported, Kind::CannotBeOpened]));
}

#[test]
fn traps_in_the_values_of_a_file_are_found() {
    let (_folder, file) = exported();
    edit(&file, |h5| {
        let movie = h5.dataset("stimulus/presentation/movie/data")?;
        let mut pixels: Array3<f32> = movie.read()?;
        // Trial 1 shows trial 0's movie.
        let shown = pixels.slice(s![..FRAMES, .., ..]).to_owned();
        pixels.slice_mut(s![FRAMES..2 * FRAMES, .., ..]).assign(&shown);
        movie.write(&pixels)
    });
    let problem = assert_only(&file, Kind::RepeatedMovie, Some(1), &file);
    assert!(problem.message.contains("trial 1 (\"train\") shows the movie of trial 0"), "{problem:?}");
}

#[test]
fn what_an_import_would_refuse_is_said_in_its_words() {
    let (_folder, file) = exported();
    edit(&file, |h5| h5.unlink("stimulus/presentation/movie"));
    let problem = assert_only(&file, Kind::CannotBeOpened, None, &file);
    for words in ["data import would refuse it", "no frames of movies", "--movie"] {
        assert!(problem.message.contains(words), "{words}: {}", problem.message);
    }
}
