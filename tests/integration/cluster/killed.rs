//! Failures, kills and two runs at once.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rand::Rng;
use serde_json::Value;
use v1reel::seed;

use super::super::whole_way::{Lab, SMALL};
use super::{ONE_BY_ONE, assert_same, lab, made, plain, standings};

fn start(lab: &Lab, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_v1reel"))
        .current_dir(lab.path(""))
        .args(arguments)
        .arg("--quiet")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Numbers of the processes that hold claims.
fn holders(lab: &Lab) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(lab.path("run/cluster/claims")) else { return Vec::new() };
    let claims = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    let first = claims.filter_map(|text| serde_json::from_str::<Value>(text.lines().next()?).ok());
    first.filter_map(|holder| holder["pid"].as_u64()).collect()
}

fn kill(pid: u64, signal: &str) {
    // It may have ended already, and its number may be another's.
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if !line.contains("v1reel") {
        return;
    }
    let command = format!("kill -{signal} {pid} 2>/dev/null; true");
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
}

#[test]
fn two_runs_at_once_whose_workers_are_killed_end_with_the_same_bytes_and_do_nothing_twice() {
    let lab = lab(&SMALL.replace("trial_count = 1", "trial_count = 2"));
    let expected = plain(&lab, &ONE_BY_ONE);
    let words = ["run", "small.toml", "--jobs", "2"];
    let mut runs = [start(&lab, &words), start(&lab, &words)];
    let mut rng = seed::stream("cluster", "kill", &[]);
    let mut kills = 0;
    while runs.iter_mut().any(|run| run.try_wait().unwrap().is_none()) {
        sleep(Duration::from_millis(rng.random_range(20..120)));
        let holders = holders(&lab);
        if kills < 8 && !holders.is_empty() {
            kill(holders[rng.random_range(0..holders.len())], "KILL");
            kills += 1;
        }
    }
    assert!(kills > 0, "nothing was killed");
    // A task may have met one kill too many.
    lab.ok(&words);
    let mut found = made(&lab.path("run"));
    let page = std::path::Path::new("report/index.html");
    let mut expected = expected;
    expected.remove(page);
    found.remove(page);
    assert_same(&expected, &found);
    // Of one task no two were at work at once: starts and ends alternate, but for processes that were killed.
    let journal = v1reel::cluster::journal::Journal::new(lab.path("run/cluster/journal")).read().unwrap();
    let mut done: Vec<&str> = Vec::new();
    for entry in &journal {
        if entry.what == v1reel::cluster::journal::Happened::Done
            && !["evaluate", "report"].contains(&&*entry.task)
        {
            assert!(!done.contains(&&*entry.task), "{} was done twice", entry.task);
            done.push(&entry.task);
        }
    }
}

#[test]
fn a_task_that_fails_is_told_with_its_last_words_and_the_others_go_on() {
    let lab = lab(SMALL);
    lab.ok(&["train", "small.toml"]);
    fs::create_dir_all(lab.path("run/masks")).unwrap();
    fs::write(lab.path("run/masks/other.npy"), "no mask").unwrap();
    let output = lab.run(&["run", "small.toml", "--jobs", "2"]);
    let (said, complaint) = (
        String::from_utf8(output.stdout.clone()).unwrap(),
        String::from_utf8(output.stderr.clone()).unwrap(),
    );
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(said.contains("failed (exit code 1)") && said.contains("other.npy"), "{said}");
    assert!(said.contains("not begun, because they need what failed"), "{said}");
    assert!(complaint.contains("makes only what is missing"), "{complaint}");
    let standings = standings(&lab);
    let of = |start: &str| -> Vec<&str> {
        standings.iter().filter(|(name, _)| name.starts_with(start)).map(|(_, s)| s.as_str()).collect()
    };
    assert!(of("reconstruct/recorded/mouse/").iter().all(|s| *s == "done"), "{standings:?}");
    assert!(of("movies/recorded/other/").iter().all(|s| *s == "failed"), "{standings:?}");
    assert!(of("evaluate").iter().all(|s| *s == "blocked"), "{standings:?}");
    let status = lab.ok(&["status", "run"]);
    assert!(status.contains("other.npy") && status.contains("Nobody works on it now"), "{status}");

    fs::remove_file(lab.path("run/masks/other.npy")).unwrap();
    let said = lab.ok(&["run", "small.toml"]);
    assert!(said.contains("done before") && !said.contains("failed"), "{said}");
}

#[test]
fn a_run_that_is_asked_to_stop_stops_its_workers_and_goes_on_later() {
    let lab = lab(SMALL);
    let endless = ["--set", "train.cosine_epochs=100000"];
    let mut run = start(&lab, &[&["run", "small.toml"], &endless[..]].concat());
    while holders(&lab).is_empty() {
        assert!(run.try_wait().unwrap().is_none(), "it ended by itself");
        sleep(Duration::from_millis(20));
    }
    sleep(Duration::from_millis(200));
    kill(u64::from(run.id()), "TERM");
    assert_eq!(run.wait().unwrap().code(), Some(75));
    assert!(holders(&lab).is_empty());
    assert!(lab.path("run/members/0/resume").exists(), "its state was not saved");
    assert_eq!(standings(&lab)["train/0"], "interrupted");

    let mut run = start(&lab, &[&["run", "small.toml"], &endless[..]].concat());
    while holders(&lab).is_empty() {
        assert!(run.try_wait().unwrap().is_none(), "it ended by itself");
        sleep(Duration::from_millis(20));
    }
    let said = lab.ok(&["cancel", "run"]);
    assert!(said.contains("train/0") && said.contains("was asked to stop"), "{said}");
    assert_eq!(run.wait().unwrap().code(), Some(75));
}
