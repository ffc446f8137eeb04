//! A training that is killed, interrupted or out of disk goes on with the same command and ends with the same
//! bytes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rand::Rng;
use v1reel::seed;

use super::whole_way::{Lab, SMALL};

/// Two mice and batches of two clips, so that some batches lack a mouse and its readout is left alone.
const TRAINING: &str = "
epoch_samples = 24
warmup_epochs = 1
cosine_epochs = 2
batch_size = 2
";

fn lab() -> Lab {
    let lab = Lab::new("neurons = 6\n");
    lab.ok(&["simulate", "other", "--config", "mouse.toml", "--neurons", "4", "--seed", "other"]);
    let text = SMALL.replace("mice = [\"mouse\"]", "mice = [\"mouse\", \"other\"]");
    let text = text.replace("members = 2", "members = 1");
    let old = "batch_size = 4\nwarmup_epochs = 1\ncosine_epochs = 1\nepoch_samples = 8\n";
    assert!(text.contains(old));
    lab.write("small.toml", &text.replace(old, TRAINING));
    lab
}

/// What a training leaves: the model and its metrics.
fn result(run: &Path) -> [Vec<u8>; 2] {
    ["model.safetensors", "metrics.csv"].map(|file| fs::read(run.join("members/0").join(file)).unwrap())
}

/// Trains without a break, in a folder of its own.
fn unbroken(lab: &Lab) -> [Vec<u8>; 2] {
    lab.ok(&["train", "small.toml", "--set", "run=\"unbroken\""]);
    result(&lab.path("unbroken"))
}

fn state(lab: &Lab) -> PathBuf {
    lab.path("run/members/0/resume/state.safetensors")
}

/// Tells a file from the one that later took its name.
fn version(path: &Path) -> Option<(u64, i64, i64)> {
    fs::metadata(path).ok().map(|about| (about.ino(), about.mtime(), about.mtime_nsec()))
}

/// Starts the program; it saves after every step.
fn start(lab: &Lab, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_v1reel"))
        .current_dir(lab.path(""))
        .args(arguments)
        .args(["--quiet", "--set", "train.checkpoint_seconds=0"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until `seen` or the process has ended; says whether it was seen.
fn wait_until(child: &mut Child, mut seen: impl FnMut() -> bool) -> bool {
    loop {
        if seen() {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        sleep(Duration::from_micros(200));
    }
}

/// Waits until the state was saved this many times more.
fn wait_for_saves(child: &mut Child, path: &Path, saves: u32) -> bool {
    (0..saves).all(|_| {
        let before = version(path);
        wait_until(child, || version(path).is_some_and(|now| Some(now) != before))
    })
}

fn signal(child: &Child, name: &str) {
    let command = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_training_killed_at_random_moments_ends_with_the_same_bytes() {
    let lab = lab();
    let expected = unbroken(&lab);
    let mut rng = seed::stream("resume", "kill", &[]);
    let mut kills = 0;
    loop {
        let mut child = start(&lab, &["train", "small.toml"]);
        let alive = wait_for_saves(&mut child, &state(&lab), rng.random_range(1..5));
        // Anywhere in the next step or while it is being saved.
        sleep(Duration::from_micros(rng.random_range(0..8000)));
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            break;
        }
        assert!(alive, "it failed by itself: {}", stderr(&child.wait_with_output().unwrap()));
        kills += 1;
    }
    assert!(kills >= 3, "only {kills} kills");
    assert!(result(&lab.path("run")) == expected);
    assert!(!lab.path("run/members/0/resume").exists());
    let left: Vec<_> = fs::read_dir(lab.path("run/members/0")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn signals_end_a_training_with_their_code_and_it_goes_on_to_the_same_bytes() {
    let lab = lab();
    let expected = unbroken(&lab);
    for name in ["TERM", "USR1", "INT"] {
        let mut child = start(&lab, &["train", "small.toml"]);
        assert!(wait_for_saves(&mut child, &state(&lab), 2), "it ended before the signal");
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(75), "{name}: {said}");
        assert_eq!(said, "interrupted; what is done is saved: give the same command again to go on\n");
        assert!(!lab.path("run/members/0/model.safetensors").exists());
    }
    lab.ok(&["train", "small.toml"]);
    assert!(result(&lab.path("run")) == expected);
    let log = fs::read_to_string(lab.path("run/log.jsonl")).unwrap();
    assert_eq!(log.matches("goes on after step").count(), 3, "{log}");
}

#[test]
fn masks_and_reconstructions_stop_between_iterations_and_leave_nothing_half_done() {
    let lab = lab();
    lab.ok(&["train", "small.toml"]);
    let interrupted = |arguments: &[&str], task: &str| {
        let mut child = start(&lab, arguments);
        let log = lab.path("run/log.jsonl");
        let began = format!("\"event\":\"progress\",\"task\":\"{task}");
        let begun = || fs::read_to_string(&log).is_ok_and(|log| log.contains(&began));
        assert!(wait_until(&mut child, begun), "{}", stderr(&child.wait_with_output().unwrap()));
        signal(&child, "TERM");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(75), "{}", stderr(&output));
    };
    interrupted(&["mask", "small.toml", "--set", "mask.iterations=1000000"], "mask mouse");
    assert!(!lab.path("run/masks").exists());
    lab.ok(&["mask", "small.toml"]);
    let endless = "reconstruction.iterations=1000000";
    interrupted(&["reconstruct", "small.toml", "--set", endless], "recorded mouse");
    assert!(!lab.path("run/reconstructions").exists());
    lab.ok(&["reconstruct", "small.toml"]);
}

#[test]
fn a_full_disk_or_a_place_that_cannot_be_written_fails_cleanly_and_can_be_gone_on_from() {
    let lab = lab();
    let expected = unbroken(&lab);
    // The shell's limit on the size of a file refuses the state alone; ignored, the signal is an error.
    let command = format!(
        "trap '' XFSZ; ulimit -f 24; exec '{}' train small.toml --quiet --set train.checkpoint_seconds=0",
        env!("CARGO_BIN_EXE_v1reel")
    );
    let limited = || {
        let mut shell = Command::new("sh");
        let output = shell.current_dir(lab.path("")).args(["-c", &command]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        stderr(&output)
    };
    let said = limited();
    assert!(said.starts_with("error: ") && said.contains("state.safetensors: "), "{said}");
    assert_eq!(fs::read_dir(lab.path("run/members/0/resume")).unwrap().count(), 0);

    let mut child = start(&lab, &["train", "small.toml"]);
    assert!(wait_for_saves(&mut child, &state(&lab), 2));
    child.kill().unwrap();
    child.wait().unwrap();
    let saved = fs::read(state(&lab)).unwrap();
    limited();
    assert!(fs::read(state(&lab)).unwrap() == saved, "the last good state is touched");

    // A file stands where a folder is needed: refused to everyone, root too.
    let (folder, aside) = (lab.path("run/members/0/resume"), lab.path("aside"));
    fs::rename(&folder, &aside).unwrap();
    fs::write(&folder, "").unwrap();
    assert!(lab.fails(1, &["train", "small.toml"]).contains("members/0/resume: "));
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    lab.ok(&["train", "small.toml"]);
    assert!(result(&lab.path("run")) == expected);
}

#[test]
fn a_state_that_is_damaged_or_of_other_settings_is_refused_by_name() {
    let lab = lab();
    let expected = unbroken(&lab);
    let mut child = start(&lab, &["train", "small.toml"]);
    assert!(wait_for_saves(&mut child, &state(&lab), 2));
    signal(&child, "TERM");
    child.wait().unwrap();
    let said = lab.fails(1, &["train", "small.toml", "--set", "train.ema_decay=0.5"]);
    assert!(said.contains("state.safetensors") && said.contains("other settings"), "{said}");
    let mut bytes = fs::read(state(&lab)).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    fs::write(state(&lab), bytes).unwrap();
    let said = lab.fails(1, &["train", "small.toml"]);
    assert!(said.contains("state.safetensors") && said.contains("delete it"), "{said}");
    fs::remove_file(state(&lab)).unwrap();
    lab.ok(&["train", "small.toml"]);
    assert!(result(&lab.path("run")) == expected);
}

#[test]
fn a_training_that_diverges_keeps_its_last_good_state_and_says_so() {
    let lab = lab();
    let diverging = ["train", "small.toml", "--set", "train.learning_rate_per_4=1e38"];
    let output = start(&lab, &diverging).wait_with_output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("last good state, after step ") && said.contains("state.safetensors"), "{said}");
    assert!(said.contains("learning_rate_per_4"), "{said}");
    let kept = v1reel::train::checkpoint::read(&state(&lab)).unwrap().0;
    assert!(said.contains(&format!("after step {},", kept.trainer.step)), "{said}");
    assert!(kept.losses.iter().all(|loss| loss.is_finite()));
}

#[test]
fn a_member_that_another_process_trains_is_left_to_it() {
    let lab = lab();
    let folder = lab.path("run/members/0");
    fs::create_dir_all(&folder).unwrap();
    let claim = v1reel::atomic::claim_folder(&folder).unwrap();
    assert!(lab.fails(1, &["train", "small.toml"]).contains("another process"));
    drop(claim);
    lab.ok(&["train", "small.toml"]);
}

#[test]
fn members_are_trained_by_number_side_by_side_or_one_by_one_with_the_same_bytes() {
    let lab = lab();
    let train = |run: &str, more: &[&str]| {
        let set = format!("run=\"{run}\"");
        lab.run(&[&["train", "small.toml", "--set", "ensemble.members=3", "--set", &set], more].concat())
    };
    let table = String::from_utf8(train("together", &["--jobs", "3"]).stdout).unwrap();
    assert_eq!(table.lines().count(), 4, "{table}");
    let table = String::from_utf8(train("apart", &["--members", "2,0", "--jobs", "1"]).stdout).unwrap();
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(!lab.path("apart/members/1").exists());
    train("apart", &[]);
    for member in 0..3 {
        let model =
            |run: &str| fs::read(lab.path(&format!("{run}/members/{member}/model.safetensors"))).unwrap();
        assert!(model("together") == model("apart"), "member {member} differs");
    }
    let said = lab.fails(2, &["train", "small.toml", "--members", "0-1"]);
    assert!(said.contains("there is no member 1"), "{said}");
}
