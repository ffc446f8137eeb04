//! The whole way on a tiny simulated mouse, through the command line: what comes out, that it comes out the
//! same again, and what is said when something is wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

use super::support::what_counts;

/// A folder with a tiny mouse and an experiment on it.
pub struct Lab {
    folder: TempDir,
}

impl Lab {
    pub fn new(recipe: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = "seed = \"tiny\"\ntrials = 14\nframes = 90\npadded_frames = 96\nheight = 8\nwidth = 12\n";
        fs::write(folder.path().join("mouse.toml"), format!("{base}{recipe}")).unwrap();
        let lab = Self { folder };
        lab.ok(&["simulate", "mouse", "--config", "mouse.toml"]);
        lab.write("small.toml", SMALL);
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::cargo_bin("v1reel").unwrap();
        command.current_dir(self.folder.path()).args(arguments).arg("--quiet").output().unwrap()
    }

    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Expects one line on standard error and an exit code; returns the line.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("error: "), "{stderr}");
        stderr
    }

    fn whole_way(&self, experiment: &str) {
        self.ok(&["train", experiment]);
        self.ok(&["mask", experiment]);
        self.ok(&["predict", experiment]);
        self.ok(&["reconstruct", experiment, "--controls", "shuffled-neurons"]);
        self.ok(&["evaluate", experiment]);
    }
}

/// The experiment on it.
pub const SMALL: &str = r#"
name = "small"
run = "run"
[data]
mice = ["mouse"]
folds = 3
trial_count = 1
[input]
height = 10
width = 12
[model]
core_features = [4, 6]
spatial_strides = [2, 2]
expansion_ratio = 2
se_reduce_ratio = 4
cortex_features = [8]
[train]
batch_size = 4
warmup_epochs = 1
cosine_epochs = 1
epoch_samples = 8
[ensemble]
members = 2
[mask]
iterations = 2
first_frame = 10
[reconstruction]
preset = "paper"
iterations = 3
stride = 24
update_threshold = 0.0
evaluation_threshold = 0.0
"#;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Everything a run wrote but its log, by path inside the run, with contents.
fn contents(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    files(run, &mut found);
    found.sort();
    found
        .into_iter()
        .filter(|path| {
            path.file_name().unwrap() != "log.jsonl" && path.file_name().unwrap() != "manifest.json"
        })
        .map(|path| (path.strip_prefix(run).unwrap().to_path_buf(), what_counts(&path)))
        .collect()
}

#[test]
fn every_stage_writes_its_results_and_a_cut_run_ends_with_the_same_bytes() {
    let lab = Lab::new("neurons = 12\n");
    lab.whole_way("small.toml");
    let first = contents(&lab.path("run"));
    for expected in
        ["model.safetensors", "metrics.csv", "learning_curve.png", "mouse.npy", "mouse.png", "ensemble.h5"]
            .into_iter()
            .chain([
                "member_0.h5",
                "member_1.h5",
                "reconstruction.gif",
                "reconstruction.mp4",
                "strip.png",
                "trials.csv",
            ])
    {
        assert!(first.iter().any(|(path, _)| path.file_name().unwrap() == expected), "no {expected}");
    }
    assert!(
        !first.iter().any(|(path, _)| path.to_string_lossy().contains(".tmp")),
        "a temporary file is left"
    );

    // As if the run had been killed between two files of each stage.
    for (path, _) in &first {
        let cut = ["members/1", "member_1.h5", "ensemble.h5", "trials.csv"];
        if cut.iter().any(|part| path.to_string_lossy().contains(part)) {
            fs::remove_file(lab.path("run").join(path)).unwrap();
        }
    }
    lab.whole_way("small.toml");
    let second = contents(&lab.path("run"));
    assert_eq!(first.len(), second.len());
    for ((path, before), (_, after)) in first.iter().zip(&second) {
        assert!(before == after, "{} differs", path.display());
    }
}

#[test]
fn a_mouse_without_behavior_or_pupil_camera_goes_the_whole_way() {
    let lab = Lab::new("neurons = 5\nrunning = false\npupil = false\n");
    lab.whole_way("small.toml");
    let summary: serde_json::Value = serde_json::from_str(&lab.ok(&["inspect", "mouse", "--json"])).unwrap();
    assert_eq!(summary["behavior_rows"], 0);
    assert_eq!(summary["pupil_center_rows"], 0);
    let scores: serde_json::Value =
        serde_json::from_str(&lab.ok(&["evaluate", "small.toml", "--json"])).unwrap();
    assert!(scores["mean"]["pixel_correlation"].is_f64(), "{scores}");
    assert!(scores["trials"][0]["controls"]["shuffled_neurons"].is_f64(), "{scores}");
}

#[test]
fn a_gaussian_readout_without_a_cortex_goes_the_whole_way() {
    let lab = Lab::new("neurons = 5\n");
    let gaussian = "readout = \"gaussian\"\ncortex_features = []";
    lab.write("gaussian.toml", &SMALL.replace("cortex_features = [8]", gaussian));
    lab.whole_way("gaussian.toml");
    let scores: serde_json::Value =
        serde_json::from_str(&lab.ok(&["evaluate", "gaussian.toml", "--json"])).unwrap();
    assert!(scores["mean"]["pixel_correlation"].is_f64(), "{scores}");
}

#[test]
fn a_causal_encoder_trains_and_reconstructs_and_its_responses_never_look_ahead() {
    let lab = Lab::new("neurons = 5\n");
    lab.write("causal.toml", &SMALL.replace("[model]", "[model]\ncausal = true"));
    lab.whole_way("causal.toml");
    let size = ["--frames", "12", "--height", "10", "--width", "12"];
    let reach = |model: &str| -> serde_json::Value {
        let found = lab.ok(&[&["causality", model, "--json"], &size[..]].concat());
        serde_json::from_str(&found).unwrap()
    };
    let causal = reach("run/members/0/model.safetensors");
    // Two blocks with kernels of five frames.
    assert_eq!((&causal["causal"], &causal["future"], &causal["past"]), (&true.into(), &0.into(), &8.into()));

    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/model_0.pth");
    lab.ok(&["import", published.to_str().unwrap(), "published.safetensors"]);
    let published = reach("published.safetensors");
    assert_eq!((&published["causal"], &published["future"]), (&false.into(), &11.into()));
    let table = lab.ok(&[&["causality", "published.safetensors"], &size[..]].concat());
    assert!(table.contains("0..11") && table.contains("11 frames of the clip ahead"), "{table}");
    let model = ["causality", "published.safetensors", "--mouse", "2"];
    assert!(lab.fails(2, &model).contains("2 mice"));
}

#[test]
fn gradient_ensembling_makes_one_movie() {
    let lab = Lab::new("neurons = 5\n");
    lab.write("gradients.toml", &format!("{SMALL}combine = \"gradients\"\n"));
    lab.whole_way("gradients.toml");
    let made: Vec<PathBuf> = contents(&lab.path("run")).into_iter().map(|(path, _)| path).collect();
    assert!(made.iter().any(|path| path.ends_with("members.h5")));
    assert!(!made.iter().any(|path| path.ends_with("member_0.h5")));
}

#[test]
fn members_that_leave_out_a_fold_each_reconstruct_only_what_they_have_not_seen() {
    let lab = Lab::new("neurons = 5\n");
    lab.write("cross.toml", &SMALL.replace("members = 2", "members = 2\nfolds = \"cross\""));
    for stage in ["train", "mask", "predict", "reconstruct"] {
        lab.ok(&[stage, "cross.toml"]);
    }
    let scores: serde_json::Value =
        serde_json::from_str(&lab.ok(&["evaluate", "cross.toml", "--json"])).unwrap();
    assert_eq!(scores["trials"][0]["members"], 1, "{scores}");
    let made = |run: &str| -> Vec<PathBuf> {
        contents(&lab.path(run).join("reconstructions")).into_iter().map(|(path, _)| path).collect()
    };
    assert!(made("run").iter().any(|path| path.ends_with("member_0.h5")));
    assert!(!made("run").iter().any(|path| path.ends_with("member_1.h5")));

    // Of three folds, two members leave one each: a trial is unseen by member 0, by member 1 or by none.
    let (mut by, mut refused) = ([0, 0], 0);
    for trial in 0..14 {
        let trials = format!("data.trials=[{trial}]");
        let output = lab.run(&["reconstruct", "cross.toml", "--set", &trials, "--set", "run=\"run\""]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            let folder = lab.path("run/reconstructions/mouse").join(trial.to_string());
            let member = [0, 1].map(|member| folder.join(format!("member_{member}.h5")).exists());
            assert!(member[0] != member[1], "trial {trial}");
            by[usize::from(member[1])] += 1;
            // The mask was trained on all folds but the held-out one.
            assert_eq!(said.contains("mask was trained on trial"), member[1], "trial {trial}: {said}");
        } else {
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains("every member was trained on its movie"), "{said}");
            refused += 1;
        }
    }
    assert!(by[0] > 0 && by[1] > 0 && refused > 0, "{by:?}, {refused} refused");
}

#[test]
fn stages_out_of_order_say_what_to_do_first() {
    let lab = Lab::new("neurons = 5\n");
    assert!(lab.fails(1, &["mask", "small.toml"]).contains("train it first"));
    lab.ok(&["train", "small.toml"]);
    assert!(lab.fails(1, &["reconstruct", "small.toml"]).contains("v1reel mask"));
    assert!(lab.fails(1, &["evaluate", "small.toml"]).contains("v1reel reconstruct"));
}

#[test]
fn a_checkpoint_for_another_neuron_count_is_refused_by_name() {
    let lab = Lab::new("neurons = 5\n");
    lab.ok(&["train", "small.toml"]);
    lab.ok(&["simulate", "other", "--config", "mouse.toml", "--neurons", "7"]);
    let said = lab.fails(1, &["predict", "small.toml", "--set", "data.mice=[\"other\"]"]);
    assert!(said.contains("model.safetensors") && said.contains("[5]") && said.contains("[7]"), "{said}");
    let said = lab.fails(1, &["train", "small.toml", "--set", "train.batch_size=2"]);
    assert!(said.contains("trained with other settings"), "{said}");
}

#[test]
fn a_wrong_experiment_is_misuse_and_leaves_no_run() {
    let lab = Lab::new("neurons = 5\n");
    for (change, expected) in [
        ("train.bach_size=2", "batch_size"),
        ("train.batch_size=\"two\"", "batch_size"),
        ("data.held_out_fold=3", "held_out_fold"),
        ("input.height=4", "4"),
    ] {
        let said = lab.fails(2, &["train", "small.toml", "--set", change]);
        assert!(said.contains(expected), "{change}: {said}");
    }
    assert!(lab.fails(1, &["train", "nowhere.toml"]).contains("nowhere.toml"));
    assert!(!lab.path("run").exists());
}

#[test]
fn a_broken_recording_is_a_failure_that_names_the_file() {
    let lab = Lab::new("neurons = 5\n");
    fs::create_dir(lab.path("empty")).unwrap();
    let said = lab.fails(1, &["inspect", "empty"]);
    assert!(said.contains("empty"), "{said}");
    fs::remove_file(lab.path("mouse/data/responses/3.npy")).unwrap();
    let said = lab.fails(1, &["train", "small.toml"]);
    assert!(said.contains("3.npy"), "{said}");
    assert!(!lab.path("run").exists());
}

#[test]
fn a_place_that_cannot_be_written_is_a_failure_and_nothing_is_left() {
    let lab = Lab::new("neurons = 5\n");
    // A file stands where a folder is needed: refused to everyone, root too.
    lab.write("taken", "");
    let said = lab.fails(1, &["train", "small.toml", "--set", "run=\"taken/run\""]);
    assert!(said.contains("taken"), "{said}");
    assert_eq!(fs::read(lab.path("taken")).unwrap(), b"");
    assert!(lab.fails(1, &["simulate", "taken/mouse", "--config", "mouse.toml"]).contains("taken"));
}

#[test]
fn a_foreign_checkpoint_is_not_imported_and_leaves_nothing() {
    let lab = Lab::new("neurons = 5\n");
    lab.write("bad.pth", "not a zip archive");
    assert!(lab.fails(1, &["import", "bad.pth", "out.safetensors"]).contains("bad.pth"));
    assert!(!lab.path("out.safetensors").exists());
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/model_0.pth");
    assert!(lab.ok(&["import", good.to_str().unwrap(), "out.safetensors"]).contains("[37, 24]"));
}
