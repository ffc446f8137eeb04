//! What v1reel writes: it comes back as it was.

use hdf5::types::VarLenUnicode;

use super::foreign::foreign;
use super::*;

#[test]
fn a_mouse_comes_back_from_nwb_as_it_was() {
    for (rows, whole) in [([2, 2], true), ([2, 2], false), ([0, 0], true), ([2, 1], true)] {
        let folder = tempfile::tempdir().unwrap();
        let [mouse, file, back] = ["mouse", "file.nwb", "back"].map(|name| folder.path().join(name));
        let trials = write_mouse(&mouse, rows, whole);
        exported(&mouse, &file);
        let imported = import(&file, &back, &ImportOptions::default(), &Silent).unwrap();
        assert_eq!((imported.trials, imported.neurons, imported.behavior_rows), (3, NEURONS, rows));
        let (before, after) = (Mouse::open(&mouse).unwrap(), Mouse::open(&back).unwrap());
        assert_eq!(after.trials, before.trials);
        assert_eq!(after.unit_ids, before.unit_ids);
        assert_eq!(after.cell_motor_coordinates, before.cell_motor_coordinates);
        for trial in &trials {
            assert_eq!(&after.read_trial(trial.id).unwrap(), trial, "{rows:?} {whole}");
        }
        let stored = unlocked().open(&file).unwrap().dataset("stimulus/presentation/movie/data").unwrap();
        assert_eq!(stored.dtype().unwrap().is::<u8>(), whole, "grey levels are bytes where they can be");
    }
}

#[test]
fn the_same_recording_gives_the_same_bytes_and_another_one_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_mouse(&path("mouse"), [2, 2], true);
    exported(&path("mouse"), &path("a.nwb"));
    // HDF5 dates objects to the second unless it is told not to.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    exported(&path("mouse"), &path("b.nwb"));
    let bytes = |name: &str| std::fs::read(path(name)).unwrap();
    assert!(bytes("a.nwb") == bytes("b.nwb"));
    write_mouse(&path("other/mouse"), [2, 2], false);
    exported(&path("other/mouse"), &path("c.nwb"));
    let identifier = |name: &str| {
        let file = unlocked().open(path(name)).unwrap();
        file.dataset("identifier").unwrap().read_scalar::<VarLenUnicode>().unwrap().to_string()
    };
    assert_eq!(identifier("a.nwb").len(), 36);
    assert_ne!(identifier("a.nwb"), identifier("c.nwb"));
}

#[test]
fn withheld_trials_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let [mouse, file, back] = ["mouse", "file.nwb", "back"].map(|name| folder.path().join(name));
    let trials = write_mouse(&mouse, [2, 2], true);
    std::fs::remove_file(mouse.join("data/responses/2.npy")).unwrap();
    let heard = Heard::default();
    let opened = Mouse::open(&mouse).unwrap();
    let made = export(&opened, &[], &file, &ExportOptions::default(), &heard).unwrap();
    assert_eq!((made.trials, made.withheld), (2, 1));
    assert!(heard.text().contains("1 trials without responses are left out"), "{}", heard.text());
    import(&file, &back, &ImportOptions::default(), &Silent).unwrap();
    assert_eq!(Mouse::open(&back).unwrap().read_trial(TrialId(1)).unwrap(), trials[1]);
}

#[test]
fn reconstructions_stand_at_the_times_of_their_trials() {
    let folder = tempfile::tempdir().unwrap();
    let [mouse, file, back] = ["mouse", "file.nwb", "back"].map(|name| folder.path().join(name));
    write_mouse(&mouse, [2, 2], true);
    let movie = Array3::from_shape_fn((10, 6, 8), |(t, y, x)| (t * 3 + y * 5 + x) as f32 / 7.0);
    let made = |trial, first_frame| ReconstructedMovie {
        trial: TrialId(trial),
        movie: movie.clone(),
        first_frame,
        settings: "preset = \"paper\"".into(),
        condition: None,
    };
    let opened = Mouse::open(&mouse).unwrap();
    let options = ExportOptions::default();
    // Trial 1 has 37 frames; 27 + 10 is its last.
    for (trial, first) in [(1, 28), (3, 0)] {
        let result = export(&opened, &[made(trial, first)], &file, &options, &Silent);
        assert_refused(result, &[&format!("trial {trial}"), "another mouse"]);
        assert!(!file.exists());
    }
    export(&opened, &[made(1, 27)], &file, &options, &Silent).unwrap();
    let written = unlocked().open(&file).unwrap();
    let group = written.group("processing/reconstruction/reconstruction_trial_1").unwrap();
    let stored: Array3<f32> = group.dataset("data").unwrap().read().unwrap();
    assert_eq!(stored.permuted_axes([0, 2, 1]), movie, "x before y, as the schema has it");
    let start = group.dataset("starting_time").unwrap().read_scalar::<f64>().unwrap();
    assert_eq!(start, (40.0 + 27.0) / 30.0);
    // They are no part of the recording that is read back.
    let imported = import(&file, &back, &ImportOptions::default(), &Silent).unwrap();
    assert_eq!((imported.trials, imported.behavior_rows), (3, [2, 2]));
}

#[test]
fn options_out_of_range_are_misuse() {
    let (_folder, path) = foreign(&[]);
    for options in [
        ImportOptions { rate_hz: 0.0, ..ImportOptions::default() },
        ImportOptions { rate_hz: f64::NAN, ..ImportOptions::default() },
        ImportOptions { longest_gap_s: -1.0, ..ImportOptions::default() },
        ImportOptions { frame_size: Some([0, 4]), ..ImportOptions::default() },
    ] {
        assert_eq!(Recording::open(&path, &options).unwrap_err().exit_code(), 2, "{options:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let [mouse, file] = ["mouse", "file.nwb"].map(|name| folder.path().join(name));
    write_mouse(&mouse, [2, 2], true);
    let mouse = Mouse::open(&mouse).unwrap();
    let default = ExportOptions::default;
    for options in [
        ExportOptions { session_start: Some("yesterday".into()), ..default() },
        ExportOptions { created: "2020-01-01".into(), ..default() },
        ExportOptions { sex: "male".into(), ..default() },
        ExportOptions { responses: "a/b".into(), ..default() },
        ExportOptions { rate_hz: -30.0, ..default() },
    ] {
        assert_eq!(export(&mouse, &[], &file, &options, &Silent).unwrap_err().exit_code(), 2, "{options:?}");
        assert!(!file.exists());
    }
    std::fs::write(&file, "mine").unwrap();
    assert_eq!(export(&mouse, &[], &file, &default(), &Silent).unwrap_err().exit_code(), 2);
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

#[test]
fn the_commands_write_a_file_and_read_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let [mouse, file, back] = ["mouse", "file.nwb", "back"].map(|name| folder.path().join(name));
    let trials = write_mouse(&mouse, [2, 2], true);
    let v1reel = |words: &[&std::ffi::OsStr]| {
        let mut command = assert_cmd::Command::cargo_bin("v1reel").unwrap();
        command.env_remove("SOURCE_DATE_EPOCH").args(["data"]).args(words).assert()
    };
    let said = v1reel(&["export".as_ref(), mouse.as_ref(), file.as_ref(), "--sex".as_ref(), "F".as_ref()]);
    let said = String::from_utf8(said.success().get_output().stdout.clone()).unwrap();
    assert!(said.contains("5 neurons, 3 trials, 0 reconstructions"), "{said}");
    let said = v1reel(&["import".as_ref(), file.as_ref(), back.as_ref()]).success();
    let said = String::from_utf8(said.get_output().stdout.clone()).unwrap();
    assert!(said.contains("5 neurons, 3 trials at 30 Hz (0 left out), frames of 6 x 8"), "{said}");
    assert_eq!(Mouse::open(&back).unwrap().read_trial(TrialId(2)).unwrap(), trials[2]);
    v1reel(&["import".as_ref(), file.as_ref(), back.as_ref()]).code(2);
    v1reel(&["import".as_ref(), mouse.as_ref(), folder.path().join("c").as_ref()]).code(1);
    let run = folder.path().join("run");
    let out = folder.path().join("d.nwb");
    let words: [&std::ffi::OsStr; 5] =
        ["export".as_ref(), mouse.as_ref(), out.as_ref(), "--reconstructions".as_ref(), run.as_ref()];
    let said = v1reel(&words).code(1);
    let said = String::from_utf8(said.get_output().stderr.clone()).unwrap();
    assert!(said.contains("no reconstructions of mouse mouse"), "{said}");
}
