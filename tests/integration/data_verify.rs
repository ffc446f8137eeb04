//! Broken recordings: each trap, planted in a simulated mouse, is found where it was planted.

mod damaged;
mod files;
mod movies;
mod nwb;
mod one_file;
mod values;

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

fn v1reel(words: &[&str], path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_v1reel"));
    command.args(words).arg(path);
    command
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
    let empty = folder.path().join("empty");
    let output = v1reel(&["data", "verify", "--json"], &empty).assert().code(1);
    let output = output.stderr(contains(format!("no mouse was found to verify in {}", empty.display())));
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
