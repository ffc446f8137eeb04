//! What can't be exported is refused in one line that says what to do, and leaves nothing half-written.

use assert_cmd::Command;

use super::*;

fn fails(run: &MadeRun, code: i32, words: &[&str]) -> String {
    let mut command = Command::cargo_bin("v1reel").unwrap();
    let output = command.current_dir(run.path()).arg("export").args(words).arg("--quiet").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
    assert!(said.starts_with("error: "), "{said}");
    said
}

#[test]
fn bad_requests_are_refused_in_one_line_and_nothing_is_written() {
    let run = MadeRun::new();
    fs::create_dir(run.path().join("empty")).unwrap();
    fs::write(run.path().join("taken"), "mine").unwrap();
    for (code, words, said) in [
        (1, &["nowhere", "--to", "csv"][..], "there is no such folder"),
        (1, &["anna", "--to", "csv"], "holds no reconstruction"),
        (1, &["empty", "--to", "csv"], "v1reel reconstruct"),
        (2, &["first", "--to", "csv", "--out", "taken"], "is a file; expected a folder"),
        (2, &["first", "--to", "csv", "--mouse", "berta"], "no mouse berta; it has anna"),
        (2, &["first", "--to", "csv", "--trial", "1"], "no reconstruction of trial 1; it has 0, 2"),
        (2, &["first", "--to", "csv", "--condition", "averaged"], "no condition averaged"),
        (
            2,
            &["first", "--to", "csv", "--trial", "0", "--condition", "predicted,recorded"],
            "no condition predicted",
        ),
        (
            2,
            &["first", "--to", "csv", "--trial", "0", "--condition", "shuffled-neurons"],
            "asked for together",
        ),
    ] {
        let found = fails(&run, code, words);
        assert!(found.contains(said) && found.trim_end().lines().count() == 1, "{words:?}: {found}");
    }
    for words in [&["first", "--to", "avi"][..], &["first"], &["first", "--to", "tiff", "--depth", "16"]] {
        fails(&run, 2, words);
    }
    assert!(
        fails(&run, 2, &["first", "--to", "avi"])
            .contains("\"avi\" is no format; expected some of tiff, mp4")
    );
    assert_eq!(fs::read(run.path().join("taken")).unwrap(), b"mine");
    assert!(!run.run().join("export").exists() && !run.out().exists());
}

#[test]
fn a_damaged_result_is_named_and_what_was_exported_before_stays() {
    let run = MadeRun::new();
    exported(&run, &[Format::H5, Format::Npz], &[], false);
    let before = contents(&run.out());
    let damaged = run.run().join("reconstructions/anna/2/ensemble.h5");
    fs::write(&damaged, "no HDF5").unwrap();
    for format in Format::ALL {
        let said = export(
            &run.run(),
            &run.out(),
            &[format],
            &Selection { trials: vec![2], ..Selection::default() },
            &ExportOptions::default(),
            &Silent,
        );
        let said = said.unwrap_err().to_string();
        assert!(said.contains("anna/2/ensemble.h5") && !said.contains('\n'), "{format}: {said}");
    }
    assert_eq!(contents(&run.out()), before);
}

#[test]
fn what_a_killed_export_left_is_cleared_and_another_one_at_work_is_waited_for() {
    let run = MadeRun::new();
    let folder = run.file("npz");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(".anna_trial_0_reconstruction.npz.123.tmp"), "half").unwrap();
    let claim = v1reel::atomic::claim_folder(&run.file("csv")).unwrap();
    exported(&run, &[Format::Npz], &[], false);
    let names: Vec<String> = contents(&folder).keys().map(|name| name.display().to_string()).collect();
    assert_eq!(names, ["anna_trial_0_reconstruction.npz", "anna_trial_2_reconstruction.npz"]);
    if claim.is_some() {
        let (selection, options) = (Selection::default(), ExportOptions::default());
        let said = export(&run.run(), &run.out(), &[Format::Csv], &selection, &options, &Silent).unwrap_err();
        assert!(said.to_string().contains("another process"), "{said}");
    }
}

#[test]
fn an_nwb_file_takes_the_recording() {
    let run = MadeRun::new();
    fs::remove_dir_all(run.mouse()).unwrap();
    let (selection, options) = (Selection::default(), ExportOptions::default());
    let said = export(&run.run(), &run.out(), &[Format::Nwb], &selection, &options, &Silent).unwrap_err();
    assert!(said.to_string().contains("takes its recording too: its recording is not at"), "{said}");
    assert_eq!(contents(&run.out()), BTreeMap::new());
}
