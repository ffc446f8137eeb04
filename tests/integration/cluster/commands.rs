//! What `plan`, `submit`, `status` and `task` say.

use std::fs;

use assert_cmd::Command;
use serde_json::Value;

use super::super::whole_way::SMALL;
use super::lab;

#[test]
fn a_plan_marks_what_is_done_and_is_the_same_in_json() {
    let lab = lab(SMALL);
    let plan = || -> Value { serde_json::from_str(&lab.ok(&["plan", "small.toml", "--json"])).unwrap() };
    let done = |plan: &Value| -> Vec<String> {
        let tasks = plan["tasks"].as_array().unwrap().iter();
        tasks.filter(|task| task["done"] == true).map(|task| task["name"].as_str().unwrap().into()).collect()
    };
    let first = plan();
    assert_eq!(first, plan());
    assert!(done(&first).is_empty());
    assert!(!lab.path("run/experiment.toml").exists(), "a plan starts no run");
    lab.ok(&["train", "small.toml"]);
    lab.ok(&["mask", "small.toml"]);
    assert_eq!(done(&plan()), ["train/0", "train/1", "mask/mouse", "mask/other"]);
    lab.ok(&["reconstruct", "small.toml"]);
    lab.ok(&["evaluate", "small.toml"]);
    let second = plan();
    // Who wrote the tables, and from what, the files don't say.
    let left: Vec<&str> = second["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|task| task["done"] == false)
        .map(|task| task["name"].as_str().unwrap())
        .collect();
    assert_eq!(left, ["evaluate", "report"]);
    assert!(second["core_hours_left"].as_f64().unwrap() < first["core_hours_left"].as_f64().unwrap());
    // Other settings: what was reconstructed is not what is asked for.
    let other = lab.ok(&["plan", "small.toml", "--set", "reconstruction.iterations=4", "--json"]);
    let other: Value = serde_json::from_str(&other).unwrap();
    assert_eq!(done(&other).len(), 6, "members, masks and what was decoded stay");
}

#[test]
fn a_paper_is_planned_without_its_recordings() {
    let lab = lab(SMALL);
    let mice = "[\"a\", \"b\", \"c\", \"d\", \"e\"]";
    lab.write("paper.toml", &format!("preset = \"paper\"\n[data]\nmice = {mice}\n"));
    let said = lab.ok(&["plan", "paper.toml", "--assume", "neurons=8000,frames=300", "--ablate", "neurons"]);
    assert!(said.contains("movies") && said.contains("core hours"), "{said}");
    assert!(lab.fails(1, &["plan", "paper.toml"]).contains("/a"));
    assert!(!lab.path("runs").exists());
}

#[test]
fn without_slurm_submit_says_what_works_instead_and_a_dry_run_prints_the_scripts() {
    let lab = lab(SMALL);
    let said = lab.ok(&["submit", "small.toml", "--dry-run", "--set", "cluster.partition=fast"]);
    assert!(said.contains("#SBATCH --partition=fast") && said.contains("#SBATCH --array=0-"), "{said}");
    assert!(!lab.path("run/experiment.toml").exists(), "a dry run starts no run");
    let nowhere = lab.path("nowhere");
    fs::create_dir(&nowhere).unwrap();
    let output = Command::cargo_bin("v1reel")
        .unwrap()
        .current_dir(lab.path(""))
        .args(["submit", "small.toml", "--quiet"])
        .env("PATH", &nowhere)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("sbatch: not found") && said.contains("v1reel run EXPERIMENT --jobs N"), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1);
}

#[test]
fn slips_in_the_section_cluster_and_in_names_of_tasks_are_answered() {
    let lab = lab(SMALL);
    for (set, expected) in [
        ("cluster.controls=[\"truth\"]", "cluster.controls has an unknown name: \"truth\""),
        ("cluster.cores=0", "cluster.cores is 0, expected at least 1"),
        ("cluster.partition=\"a b\"", "expected one word"),
        ("cluster.options=[\"fast\"]", "expected options of sbatch"),
        ("cluster.time_factor=0.5", "cluster.time_factor is 0.5"),
        ("cluster.partitions=\"a\"", "did you mean cluster.partition?"),
    ] {
        let said = lab.fails(2, &["plan", "small.toml", "--set", set]);
        assert!(said.contains(expected), "{said}");
    }
    for command in ["status", "cancel"] {
        assert!(lab.fails(1, &[command, "small.toml"]).contains("nothing was run here"));
        assert!(lab.fails(1, &[command, "mouse"]).contains("nothing was run here"));
    }
    assert!(lab.fails(2, &["task", "small.toml", "training/0"]).contains("--list"));
    assert!(lab.fails(1, &["task", "small.toml", "mask/mouse"]).contains("needs train/0"));
    lab.ok(&["task", "small.toml", "train/1", "train/0"]);
    assert!(lab.path("run/members/1/model.safetensors").exists());
    assert_eq!(lab.ok(&["cancel", "run"]).trim(), "Nobody works on it");
}
