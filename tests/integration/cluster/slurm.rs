//! On a Slurm of one node, started by the test for itself. Takes minutes and root, so it runs when it is asked to
//! (`make test-slurm`, which sets `V1REEL_TEST_SLURM`) and is skipped otherwise.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

use rand::Rng;
use tempfile::TempDir;
use v1reel::seed;

use super::super::whole_way::{Lab, SMALL};
use super::{ONE_BY_ONE, assert_same, lab, made, plain, standings};

/// A Slurm that ends with the test.
struct Slurm {
    folder: TempDir,
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm")
}

impl Slurm {
    /// Starts it; `None`, with a message, where it is not asked for or not installed.
    fn start() -> Option<Self> {
        if std::env::var_os("V1REEL_TEST_SLURM").is_none() {
            eprintln!("skipped: needs a Slurm of its own; `make test-slurm` installs and runs it");
            return None;
        }
        for program in ["munged", "slurmctld", "slurmd", "sbatch"] {
            let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
            if !found.status.success() {
                eprintln!("skipped: no {program}; on Debian: apt-get install slurm-wlm munge");
                return None;
            }
        }
        let slurm = Self { folder: tempfile::tempdir().unwrap() };
        let started = Command::new(scripts().join("start.sh")).arg(slurm.folder.path()).output().unwrap();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        Some(slurm)
    }

    fn conf(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program).env("SLURM_CONF", self.conf()).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn v1reel(&self, lab: &Lab, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_v1reel"))
            .env("SLURM_CONF", self.conf())
            .current_dir(lab.path(""))
            .args(arguments)
            .arg("--quiet")
            .output()
            .unwrap()
    }

    fn ok(&self, lab: &Lab, arguments: &[&str]) -> String {
        let output = self.v1reel(lab, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Jobs in the queue, running ones first, as `array_element state`.
    fn queue(&self) -> Vec<(String, String)> {
        let said = self.ask("squeue", &["--noheader", "--array", "--format=%i %T"]);
        let mut all: Vec<(String, String)> = said
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(job, state)| (job.to_string(), state.to_string()))
            .collect();
        all.sort_by_key(|(_, state)| state != "RUNNING");
        all
    }

    fn wait(&self) {
        while !self.queue().is_empty() {
            sleep(Duration::from_millis(200));
        }
    }

    fn kill_node(&self) {
        let pid = fs::read_to_string(self.folder.path().join("slurmd.pid")).unwrap();
        assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
    }

    fn start_node(&self) {
        let node = Command::new(scripts().join("start.sh")).arg(self.folder.path()).arg("node").status();
        assert!(node.unwrap().success());
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        let _ = Command::new(scripts().join("stop.sh")).arg(self.folder.path()).status();
    }
}

/// Jobs of one task, one core and little memory.
const JOBS: &str = "[cluster]\ncores = 1\nmemory_gb = 1.0\njob_minutes = 0.0\n";

#[test]
fn job_arrays_end_with_the_same_bytes_whatever_is_killed_requeued_or_down() {
    let Some(slurm) = Slurm::start() else { return };
    // Long enough that something is at work when it is killed.
    let text = SMALL.replace("epoch_samples = 8", "epoch_samples = 1200");
    let text =
        text.replace("iterations = 3", "iterations = 150").replace("trial_count = 1", "trial_count = 2");
    let lab = lab(&format!("{text}{JOBS}"));
    let expected = plain(&lab, &ONE_BY_ONE);
    // Undisturbed.
    let said = slurm.ok(&lab, &["submit", "small.toml"]);
    assert!(said.contains("train") && said.contains("report"), "{said}");
    let twice = slurm.v1reel(&lab, &["submit", "small.toml"]);
    assert_eq!(twice.status.code(), Some(1), "a run is submitted twice");
    slurm.wait();
    same(&lab, &expected, &slurm);
    fs::rename(lab.path("run"), lab.path("undisturbed")).unwrap();

    // Disturbed.
    slurm.ok(&lab, &["submit", "small.toml"]);
    disturb(&slurm);
    for _ in 0..6 {
        slurm.wait();
        if standings(&lab).values().all(|standing| standing == "done") {
            break;
        }
        slurm.ok(&lab, &["submit", "small.toml"]);
    }
    same(&lab, &expected, &slurm);
    let left: Vec<_> = fs::read_dir(lab.path("run/cluster/claims")).unwrap().collect();
    assert!(left.len() <= 2, "claims are left: {left:?}");
}

/// Kills running elements, requeues one, and takes the node away for a while.
fn disturb(slurm: &Slurm) {
    let mut rng = seed::stream("slurm", "disturb", &[]);
    let running = |slurm: &Slurm| -> Vec<String> {
        let queue = slurm.queue().into_iter();
        queue.filter(|(_, state)| state == "RUNNING").map(|(job, _)| job).collect()
    };
    let mut killed = BTreeSet::new();
    // Kills last: what needs a killed job is taken out of the queue.
    let kills = std::iter::repeat_n(Disturbance::Kill, 3);
    let mut next = [Disturbance::NodeDown, Disturbance::Requeue].into_iter().chain(kills).peekable();
    while !slurm.queue().is_empty() && next.peek().is_some() {
        sleep(Duration::from_millis(rng.random_range(50..400)));
        let jobs = running(slurm);
        if jobs.is_empty() {
            continue;
        }
        let job = &jobs[rng.random_range(0..jobs.len())];
        match next.next() {
            Some(Disturbance::Kill) => {
                slurm.ask("scancel", &["--signal=KILL", job]);
                killed.insert(job.clone());
            }
            Some(Disturbance::NodeDown) => {
                slurm.kill_node();
                // Longer than SlurmdTimeout, so that the controller gives the node up.
                sleep(Duration::from_secs(10));
                slurm.start_node();
            }
            Some(Disturbance::Requeue) => {
                slurm.ask("scontrol", &["requeue", job]);
            }
            None => {}
        }
    }
    let left: Vec<Disturbance> = next.collect();
    eprintln!("killed {killed:?}; for want of jobs not done: {left:?}");
    assert!(!killed.is_empty(), "{left:?}");
}

/// What may happen to a run.
#[derive(Debug, Clone)]
enum Disturbance {
    Kill,
    NodeDown,
    Requeue,
}

fn same(lab: &Lab, expected: &std::collections::BTreeMap<PathBuf, Vec<u8>>, slurm: &Slurm) {
    let standings = standings(lab);
    let done = standings.values().all(|standing| standing == "done");
    assert!(done, "{standings:?}\n{}", slurm.ok(lab, &["status", "small.toml"]));
    // The page quotes how many threads there were, of the whole machine or of one job.
    let page = Path::new("report/index.html");
    let (mut expected, mut found) = (expected.clone(), made(&lab.path("run")));
    assert!(expected.remove(page).is_some() && found.remove(page).is_some());
    assert_same(&expected, &found);
}

#[test]
fn a_job_whose_time_is_over_is_requeued_and_goes_on_and_a_cancelled_one_stays_cancelled() {
    let Some(slurm) = Slurm::start() else { return };
    let lab = lab(&format!("{}{JOBS}", SMALL.replace("cosine_epochs = 1", "cosine_epochs = 100000")));
    slurm.ok(&lab, &["submit", "small.toml"]);
    let state = lab.path("run/members/0/resume");
    while !lab.path("run/cluster/claims").exists()
        || slurm.queue().iter().all(|(_, state)| state != "RUNNING")
    {
        sleep(Duration::from_millis(100));
    }
    sleep(Duration::from_secs(3));
    let (job, _) = slurm.queue().swap_remove(0);
    // As Slurm does ahead of the time limit: to the batch script alone.
    slurm.ask("scancel", &["--signal=USR1", "--batch", &job]);
    let restarts = || {
        let said = slurm.ask("scontrol", &["show", "job", &job]);
        said.contains("Restarts=1")
    };
    while !restarts() {
        sleep(Duration::from_millis(100));
    }
    assert!(state.exists(), "nothing was saved");
    // It runs again.
    while slurm.queue().iter().all(|(other, state)| *other != job || state != "RUNNING") {
        sleep(Duration::from_millis(200));
    }
    sleep(Duration::from_secs(2));
    let said = slurm.ok(&lab, &["cancel", "run"]);
    assert!(said.contains("cancelled"), "{said}");
    slurm.wait();
    let journal = v1reel::cluster::journal::Journal::new(lab.path("run/cluster/journal")).read().unwrap();
    let starts = journal
        .iter()
        .filter(|entry| entry.task == "train/0" && entry.what == v1reel::cluster::journal::Happened::Started);
    assert!(starts.count() >= 2, "{journal:?}");
    let log = fs::read_to_string(lab.path("run/members/0/metrics.csv")).unwrap_or_default();
    assert!(log.lines().count() < 100_000, "it ran to its end");
}

#[test]
fn the_demo_with_a_training_ends_in_job_arrays_with_the_bytes_of_a_local_run() {
    let Some(slurm) = Slurm::start() else { return };
    let lab = Lab::new("neurons = 5\n");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let recipe = root.join("data/demo_mouse.toml");
    lab.ok(&["simulate", "simulated", "--config", recipe.to_str().unwrap()]);
    let text = "preset = \"demo\"\nname = \"demo\"\nrun = \"run\"\n[data]\nmice = [\"simulated\"]\ntrial_count = 3\n\
                [ensemble]\nmembers = 2\n";
    lab.write("small.toml", &format!("{text}{JOBS}train = false\ncontrols = [\"shuffled-neurons\"]\n"));
    // The first comes trained; the second is trained.
    let bring = || {
        fs::create_dir_all(lab.path("run/members/0")).unwrap();
        fs::copy(root.join("models/demo/member_0.safetensors"), lab.path("run/members/0/model.safetensors"))
            .unwrap();
    };
    bring();
    lab.ok(&["run", "small.toml", "--jobs", "2"]);
    let expected = made(&lab.path("run"));
    fs::rename(lab.path("run"), lab.path("plain")).unwrap();
    bring();
    slurm.ok(&lab, &["submit", "small.toml"]);
    slurm.wait();
    same(&lab, &expected, &slurm);
}
