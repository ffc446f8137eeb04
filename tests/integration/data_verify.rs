//! Broken recordings: each trap, planted in a simulated mouse, is found where it was planted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::str::contains;
use tempfile::TempDir;
use v1reel::data::format::npy_array::{NpyArray, write_integers, write_numbers, write_texts};
use v1reel::data::verify::{Kind, Problem, Report, Severity, Split, verify};
use v1reel::data::{Mouse, TrialId};
use v1reel::event::Silent;
use v1reel::simulate::{SimulationConfig, simulate};

const NEURONS: usize = 6;
const FRAMES: usize = 24;
const STORED: usize = 28;
const TIERS: [&str; 5] = ["train", "train", "oracle", "live_test_main", "none"];

/// Simulates a sound mouse of five trials without repeats.
fn mouse() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mouse_a");
    let config = SimulationConfig {
        neurons: NEURONS,
        trials: TIERS.len(),
        frames: FRAMES,
        padded_frames: STORED,
        height: 6,
        width: 8,
        oracle_fraction: 0.0,
        // So that no trial is silent by chance: some 20 events in each.
        event_rate_hz: 4.0,
        ..SimulationConfig::default()
    };
    simulate(&config, &root, &Silent).unwrap();
    write_texts(&root.join("meta/trials/tiers.npy"), &TIERS).unwrap();
    (folder, root)
}

fn file(root: &Path, array: &str, trial: u32) -> PathBuf {
    root.join("data").join(array).join(format!("{trial}.npy"))
}

/// Writes an array again with each value put through `change(row, frame, value)`.
fn change(path: &Path, change: impl Fn(usize, usize, f32) -> f32) {
    let map = NpyArray::open(path).unwrap();
    let (shape, rows, frames) = (map.shape().to_vec(), map.rows(), map.frames());
    let at = (0..rows).flat_map(|row| (0..frames).map(move |frame| (row, frame)));
    let values: Vec<f32> = at.map(|(row, frame)| change(row, frame, map.at(row, frame))).collect();
    drop(map);
    write_numbers(path, &shape, values).unwrap();
}

/// Writes a file of 2 axes again with other lengths, its values from 1 on.
fn reshape(path: &Path, shape: [usize; 2]) {
    write_numbers(path, &shape, (0..shape[0] * shape[1]).map(|at| 1.0 + (at % 97) as f32)).unwrap();
}

fn report(root: &Path) -> Report {
    verify(&[root.to_path_buf()], Split::Tiers, &Silent).unwrap()
}

/// Asserts that all that is found is one problem of this kind, there.
fn assert_only(root: &Path, kind: Kind, trial: Option<u32>, path: &Path) -> Problem {
    let found = report(root).problems;
    let [problem] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(
        (problem.kind, problem.trial, problem.file.as_deref()),
        (kind, trial.map(TrialId), Some(path)),
        "{problem:?}"
    );
    assert_eq!(problem.mouse.as_ref().unwrap().0, "mouse_a");
    assert!(!problem.message.contains('\n') && !problem.message.contains("  "), "{}", problem.message);
    problem.clone()
}

/// Reads every trial that is not withheld, as training would.
fn readers_accept(root: &Path) -> bool {
    Mouse::open(root).is_ok_and(|mouse| {
        let used = mouse.trials.iter().filter(|trial| !trial.withheld && trial.tier.0 != "none");
        used.into_iter().all(|trial| mouse.read_trial(trial.id).is_ok())
    })
}

#[test]
fn a_sound_mouse_has_no_problems_and_is_described() {
    let (_folder, root) = mouse();
    let report = report(&root);
    assert_eq!(report.problems, []);
    let [mouse] = &report.mice[..] else { panic!() };
    assert_eq!((mouse.trials, mouse.neurons, mouse.unusable_trials), (TIERS.len(), NEURONS, 0));
    assert_eq!((mouse.frames_min, mouse.frames_max), (FRAMES, FRAMES));
    assert!(readers_accept(&root));
}

#[test]
fn nan_inside_the_valid_part_is_found_in_every_array() {
    for (array, row) in [("videos", "pixel (0, 5)"), ("responses", "neuron 5"), ("behavior", "row 1")] {
        let (_folder, root) = mouse();
        let path = file(&root, array, 1);
        let wanted = if array == "behavior" { 1 } else { 5 };
        change(&path, |row, frame, v| if row == wanted && [7, 9].contains(&frame) { f32::NAN } else { v });
        let problem = assert_only(&root, Kind::NanInside, Some(1), &path);
        for words in ["frame 7", row, "1 more", "tier 'none'"] {
            assert!(problem.message.contains(words), "{words}: {}", problem.message);
        }
        assert!(!readers_accept(&root));
    }
}

#[test]
fn nan_at_index_0_is_told_from_nan_inside() {
    let (_folder, root) = mouse();
    let path = file(&root, "pupil_center", 2);
    change(&path, |row, frame, value| if row == 0 && frame == 0 { f32::NAN } else { value });
    assert_only(&root, Kind::NanAtStart, Some(2), &path);
    assert!(!readers_accept(&root));
}

#[test]
fn arrays_of_one_trial_that_differ_in_length_are_found() {
    for array in ["videos", "responses", "behavior", "pupil_center"] {
        let (_folder, root) = mouse();
        let path = file(&root, array, 0);
        change(&path, |_, frame, value| if frame >= FRAMES - 3 { f32::NAN } else { value });
        let problem = assert_only(&root, Kind::LengthsDiffer, Some(0), &path);
        assert!(problem.message.contains("21 ") && problem.message.contains("24 "), "{}", problem.message);
        assert!(!readers_accept(&root));
    }
}

#[test]
fn a_row_that_goes_on_after_the_end_is_found() {
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 0);
    change(&path, |row, frame, value| if row == 3 && frame == FRAMES + 1 { 1.0 } else { value });
    assert_only(&root, Kind::ValueAfterEnd, Some(0), &path);
    assert!(!readers_accept(&root));
}

#[test]
fn withheld_responses_stored_as_zeros_are_found_with_and_without_a_tail() {
    for keep_tail in [true, false] {
        let (_folder, root) = mouse();
        let path = file(&root, "responses", 3);
        change(&path, |_, _, value| if keep_tail && value.is_nan() { value } else { 0.0 });
        let problem = assert_only(&root, Kind::ZeroResponses, Some(3), &path);
        assert!(problem.message.contains("withheld") && problem.message.contains("live_test_main"));
    }
}

#[test]
fn withheld_responses_stored_as_nan_or_not_at_all_are_no_problem() {
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 3);
    change(&path, |_, _, _| f32::NAN);
    assert_eq!(report(&root).problems, []);
    fs::remove_file(&path).unwrap();
    assert_eq!(report(&root).problems, []);
}

#[test]
fn a_trial_that_repeats_a_movie_is_a_remark() {
    let (_folder, root) = mouse();
    fs::copy(file(&root, "videos", 0), file(&root, "videos", 1)).unwrap();
    let problem = assert_only(&root, Kind::RepeatedMovie, Some(1), &file(&root, "videos", 1));
    assert_eq!(problem.severity, Severity::Remark);
    assert!(problem.message.contains("trial 0 (\"train\")"), "{}", problem.message);
    assert!(readers_accept(&root));
}

#[test]
fn a_held_out_movie_that_is_trained_on_is_an_error_unless_its_tier_is_none() {
    let (_folder, root) = mouse();
    for held_out in [2, 3, 4] {
        fs::copy(file(&root, "videos", 1), file(&root, "videos", held_out)).unwrap();
    }
    let of_kind = |report: &Report, kind| -> Vec<Problem> {
        report.problems.iter().filter(|problem| problem.kind == kind).cloned().collect()
    };
    let found = report(&root);
    assert_eq!(of_kind(&found, Kind::RepeatedMovie).len(), 3);
    let leaks = of_kind(&found, Kind::HeldOutMovieInTraining);
    let trials: Vec<_> = leaks.iter().map(|leak| leak.trial.unwrap().0).collect();
    assert_eq!((trials, found.problems.len()), (vec![2, 3], 5));
    assert!(leaks.iter().all(|leak| leak.severity == Severity::Error));
    for words in ["trial 2 (\"oracle\") is held out", "trial 1 (\"train\") is trained on: the same movie"] {
        assert!(leaks[0].message.contains(words), "{}", leaks[0].message);
    }
    v1reel(&["data", "verify"], &root)
        .assert()
        .code(1)
        .stdout(contains("error held_out_movie_in_training (2)"));
}

#[test]
fn movies_nearly_like_a_trained_one_are_found_in_another_mouse_too() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = |seed: &str| SimulationConfig {
        seed: seed.into(),
        neurons: 2,
        trials: 4,
        frames: 60,
        padded_frames: 60,
        height: 12,
        width: 20,
        oracle_fraction: 0.0,
        event_rate_hz: 4.0,
        ..SimulationConfig::default()
    };
    let roots = [folder.path().join("mouse_a"), other.path().join("mouse_b")];
    for (root, seed) in roots.iter().zip(["a", "b"]) {
        simulate(&config(seed), root, &Silent).unwrap();
        write_texts(&root.join("meta/trials/tiers.npy"), &["train", "train", "oracle", "validation"])
            .unwrap();
    }
    let all = || verify(&roots, Split::Tiers, &Silent).unwrap();
    assert_eq!(all().problems, []);
    // The other mouse's validation movie is the second training movie, a column to the left and brighter; its
    // second training movie the first one of the first mouse.
    let map = NpyArray::open(&file(&roots[0], "videos", 1)).unwrap();
    let value =
        |row: usize, frame: usize| (map.at(row - row % 20 + (row % 20 + 1).min(19), frame) + 3.0).min(255.0);
    change(&file(&roots[1], "videos", 3), |row, frame, _| value(row, frame));
    fs::copy(file(&roots[0], "videos", 0), file(&roots[1], "videos", 1)).unwrap();
    let report = all();
    let [leak, alike] = &report.problems[..] else { panic!("{:#?}", report.problems) };
    assert_eq!((leak.kind, leak.trial), (Kind::HeldOutMovieInTraining, Some(TrialId(3))));
    assert_eq!(leak.mouse.as_ref().unwrap().0, "mouse_b");
    let words = "trial 1 of mouse mouse_a (\"train\") is trained on: nearly the same movie";
    assert!(leak.message.contains(words), "{}", leak.message);
    assert_eq!((alike.kind, alike.trial), (Kind::AlikeMovies, Some(TrialId(1))));
    assert_eq!((report.mice[1].errors, report.mice[1].remarks, report.mice[0].errors), (1, 1, 0));
}

#[test]
fn missing_files_are_found_in_every_folder_and_between_trials() {
    for array in ["videos", "responses", "behavior", "pupil_center"] {
        let (_folder, root) = mouse();
        let path = file(&root, array, 1);
        fs::remove_file(&path).unwrap();
        assert_only(&root, Kind::MissingFile, Some(1), &path);
    }
    let (_folder, root) = mouse();
    let arrays = ["videos", "responses", "behavior", "pupil_center"];
    arrays.iter().for_each(|array| fs::remove_file(file(&root, array, 2)).unwrap());
    let found = report(&root).problems;
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(
        found.iter().all(|problem| (problem.kind, problem.trial) == (Kind::MissingFile, Some(TrialId(2))))
    );
}

#[test]
fn tiers_that_do_not_match_the_files_are_found() {
    let tiers = |root: &Path| root.join("meta/trials/tiers.npy");
    for count in [4, 6] {
        let (_folder, root) = mouse();
        write_texts(&tiers(&root), &["train", "train", "oracle", "train", "train", "train"][..count])
            .unwrap();
        assert_only(&root, Kind::TiersMismatch, None, &tiers(&root));
        assert!(!readers_accept(&root));
    }
    let (_folder, root) = mouse();
    fs::remove_file(tiers(&root)).unwrap();
    assert_only(&root, Kind::MissingTiers, None, &tiers(&root));
    write_integers(&tiers(&root), &[0, 1, 2, 3, 4]).unwrap();
    assert_only(&root, Kind::WrongType, None, &tiers(&root));
}

#[test]
fn a_stray_number_far_beyond_the_tiers_is_one_mismatch() {
    let (_folder, root) = mouse();
    for array in ["videos", "responses", "behavior", "pupil_center"] {
        fs::copy(file(&root, array, 4), file(&root, array, 4_000_000_000)).unwrap();
    }
    let kinds: BTreeSet<Kind> = report(&root).problems.iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, BTreeSet::from([Kind::TiersMismatch, Kind::RepeatedMovie]));
}

#[test]
fn neuron_counts_that_differ_are_found_in_trials_and_lists() {
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 0);
    reshape(&path, [NEURONS + 1, FRAMES]);
    let problem = assert_only(&root, Kind::NeuronCountDiffers, Some(0), &path);
    assert!(problem.message.contains("neurons: 7, but 6 in 4 of 5"), "{}", problem.message);
    let (_folder, root) = mouse();
    let path = root.join("meta/neurons/unit_ids.npy");
    write_integers(&path, &[1, 2, 3]).unwrap();
    assert_only(&root, Kind::NeuronCountDiffers, None, &path);
    let (_folder, root) = mouse();
    let path = root.join("meta/neurons/cell_motor_coordinates.npy");
    reshape(&path, [NEURONS - 1, 3]);
    assert_only(&root, Kind::NeuronCountDiffers, None, &path);
    assert!(!readers_accept(&root));
}

#[test]
fn sizes_that_differ_between_trials_are_found() {
    let (_folder, root) = mouse();
    let path = file(&root, "behavior", 2);
    reshape(&path, [3, FRAMES]);
    assert_only(&root, Kind::RowCountDiffers, Some(2), &path);
    let (_folder, root) = mouse();
    let path = file(&root, "videos", 2);
    write_numbers(&path, &[5, 8, FRAMES], (0..40 * FRAMES).map(|at| (at % 251) as f32)).unwrap();
    let problem = assert_only(&root, Kind::FrameSizeDiffers, Some(2), &path);
    assert!(problem.message.contains("5 x 8, but 6 x 8"), "{}", problem.message);
}

#[test]
fn damaged_files_are_found_and_not_stumbled_over() {
    let cut = |bytes: &[u8], to: usize| bytes[..to].to_vec();
    let whole = |root: &Path| fs::read(file(root, "responses", 1)).unwrap();
    for damage in 0..5 {
        let (_folder, root) = mouse();
        let (path, bytes) = (file(&root, "responses", 1), whole(&root));
        let damaged = match damage {
            0 => Vec::new(),
            1 => cut(&bytes, 40),
            2 => cut(&bytes, bytes.len() - 4),
            3 => b"no array".to_vec(),
            _ => [&bytes[..], b"more"].concat(),
        };
        fs::write(&path, damaged).unwrap();
        let problem = assert_only(&root, Kind::UnreadableFile, Some(1), &path);
        assert!(problem.message.contains("again") || problem.message.contains("restore"), "{problem:?}");
    }
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 1);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_only(&root, Kind::UnreadableFile, Some(1), &path);
}

#[test]
fn other_types_and_shapes_are_found() {
    let (_folder, root) = mouse();
    let path = file(&root, "behavior", 1);
    write_texts(&path, &["3.5", "4.5"]).unwrap();
    assert_only(&root, Kind::WrongType, Some(1), &path);
    write_numbers(&path, &[2 * FRAMES], (0..2 * FRAMES).map(|at| at as f32)).unwrap();
    assert_only(&root, Kind::WrongShape, Some(1), &path);
    // No byte of data backs the claim: walking along it would take years.
    for shape in [[1_000_000_000_000_000_000, 0], [0, 1_000_000_000_000_000_000]] {
        write_numbers(&path, &shape, []).unwrap();
        assert_only(&root, Kind::WrongShape, Some(1), &path);
        assert!(!readers_accept(&root));
    }
}

#[test]
fn an_array_of_nothing_but_nan_is_found() {
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 1);
    change(&path, |_, _, _| f32::NAN);
    assert_only(&root, Kind::NoValidFrames, Some(1), &path);
    assert!(!readers_accept(&root));
}

#[test]
fn values_out_of_range_are_found() {
    let (_folder, root) = mouse();
    let path = file(&root, "behavior", 2);
    change(&path, |row, frame, value| if (row, frame) == (1, 3) { f32::INFINITY } else { value });
    assert_only(&root, Kind::NotFinite, Some(2), &path);
    assert!(!readers_accept(&root));
    for beyond in [-3.0, 300.0] {
        let (_folder, root) = mouse();
        let path = file(&root, "videos", 1);
        change(&path, |row, frame, value| if (row, frame) == (9, 3) { beyond } else { value });
        let problem = assert_only(&root, Kind::MovieOutOfRange, Some(1), &path);
        assert!(problem.message.contains("pixel (1, 1)"), "{}", problem.message);
    }
}

#[test]
fn what_can_be_used_is_only_remarked_on() {
    let remark = |root: &Path, kind, trial, path: &Path| {
        assert_eq!(assert_only(root, kind, trial, path).severity, Severity::Remark);
        assert!(readers_accept(root));
    };
    let (_folder, root) = mouse();
    let path = file(&root, "behavior", 1);
    change(&path, |row, _, value| if row == 1 && !value.is_nan() { 0.0 } else { value });
    remark(&root, Kind::ConstantBehavior, Some(1), &path);
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 1);
    change(&path, |row, frame, value| if (row, frame) == (2, 2) { -1.0 } else { value });
    remark(&root, Kind::NegativeResponses, Some(1), &path);
    let (_folder, root) = mouse();
    let folder = root.join("meta/statistics/responses/all");
    fs::write(folder.join("mean.npy"), "x").unwrap();
    remark(&root, Kind::UnreadableStatistics, None, &folder.join("mean.npy"));
    fs::remove_file(folder.join("mean.npy")).unwrap();
    remark(&root, Kind::NoStatistics, None, &folder);
    // Trial 4 is of tier 'none', which is the advice for a trial that can't be mended.
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 4);
    change(&path, |row, frame, value| if (row, frame) == (2, 2) { f32::NAN } else { value });
    remark(&root, Kind::NanInside, Some(4), &path);
}

#[test]
fn every_trap_at_once_is_found_in_one_pass_over_two_mice() {
    let (folder, root) = mouse();
    fs::create_dir(folder.path().join("notes")).unwrap();
    let (_other, sound) = mouse();
    fs::rename(&sound, folder.path().join("mouse_b")).unwrap();
    fs::write(file(&root, "videos", 0), "x").unwrap();
    change(&file(&root, "responses", 1), |_, frame, v| if frame == 4 { f32::NAN } else { v });
    change(&file(&root, "behavior", 1), |_, frame, v| if frame == 20 { f32::INFINITY } else { v });
    change(&file(&root, "responses", 3), |_, _, _| 0.0);
    fs::remove_file(file(&root, "pupil_center", 2)).unwrap();
    let report = report(folder.path());
    let mice: Vec<_> = report.mice.iter().map(|mouse| (mouse.mouse.0.as_str(), mouse.errors)).collect();
    assert_eq!(mice, [("mouse_a", 5), ("mouse_b", 0)]);
    assert_eq!(report.mice[0].unusable_trials, 4);
    let found: BTreeSet<_> = report.problems.iter().map(|p| (p.kind, p.trial.unwrap().0)).collect();
    let planted = [
        (Kind::UnreadableFile, 0),
        (Kind::NanInside, 1),
        (Kind::NotFinite, 1),
        (Kind::ZeroResponses, 3),
        (Kind::MissingFile, 2),
    ];
    assert_eq!(found, BTreeSet::from(planted));
}

fn v1reel(words: &[&str], path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_v1reel"));
    command.args(words).arg(path);
    command
}

#[test]
fn the_command_fails_on_errors_but_not_on_remarks_and_speaks_json() {
    let (folder, root) = mouse();
    v1reel(&["data", "verify"], &root).assert().success().stdout(contains("mouse_a"));
    fs::copy(file(&root, "videos", 0), file(&root, "videos", 1)).unwrap();
    v1reel(&["data", "verify"], &root).assert().success().stdout(contains("remark repeated_movie (1)"));
    fs::write(file(&root, "behavior", 1), "x").unwrap();
    let text = v1reel(&["data", "verify"], &root).assert().code(1).stderr(contains("1 errors"));
    text.stdout(contains("error unreadable_file (1)\n  mouse_a, trial 1, "));
    let output = v1reel(&["data", "verify", "--json"], &root).assert().code(1).get_output().stdout.clone();
    let json: serde_json::Value = serde_json::from_slice(&output).unwrap();
    let problems = json["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 2);
    assert_eq!(problems[0]["kind"], "unreadable_file");
    assert_eq!((&problems[0]["mouse"], &problems[0]["trial"]), (&"mouse_a".into(), &1.into()));
    assert_eq!(problems[0]["file"], file(&root, "behavior", 1).to_str().unwrap());
    assert!(problems[0]["message"].as_str().unwrap().contains("numpy"));
    assert_eq!((&problems[0]["severity"], &problems[1]["severity"]), (&"error".into(), &"remark".into()));
    // Nothing there is misuse; something there that is no mouse is a finding.
    v1reel(&["data", "verify"], &folder.path().join("nobody")).assert().code(2);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let output = v1reel(&["data", "verify", "--json"], &folder.path().join("empty")).assert().code(1);
    let json: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(json["problems"][0]["kind"], "not_a_mouse");
    assert!(json["problems"][0]["trial"].is_null() && json["problems"][0]["mouse"].is_null());
}

#[test]
fn inspect_counts_repeats_and_draws_the_mouse_with_and_without_behavior() {
    let (folder, root) = mouse();
    fs::copy(file(&root, "videos", 0), file(&root, "videos", 2)).unwrap();
    let picture = folder.path().join("mouse.png");
    let draw =
        || v1reel(&["inspect", "--json", "--picture", picture.to_str().unwrap()], &root).assert().success();
    let json: serde_json::Value = serde_json::from_slice(&draw().get_output().stdout).unwrap();
    assert_eq!((&json["trials"], &json["movies"]), (&5.into(), &4.into()));
    assert_eq!((&json["movies_by_tier"]["train"], &json["movies_by_tier"]["oracle"]), (&2.into(), &1.into()));
    v1reel(&["inspect"], &root)
        .assert()
        .success()
        .stdout(contains(format!("all{}5       4        1", " ".repeat(18))));
    let whole = image::open(&picture).unwrap().into_rgb8();
    fs::remove_dir_all(root.join("data/behavior")).unwrap();
    fs::remove_dir_all(root.join("data/pupil_center")).unwrap();
    draw();
    let bare = image::open(&picture).unwrap().into_rgb8();
    // Frames and raster stand above the traces and are the same without them.
    assert!(bare.height() < whole.height() && bare.width() == whole.width());
    assert!(bare.enumerate_pixels().all(|(x, y, pixel)| whole.get_pixel(x, y) == pixel));
    let inked = |picture: &image::RgbImage| picture.pixels().filter(|pixel| pixel.0 != [255; 3]).count();
    assert!(inked(&whole) > inked(&bare) && inked(&bare) > 10_000);
}
