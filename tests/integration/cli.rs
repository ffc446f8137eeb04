//! The program as it is typed: help, misuse, exit codes, a reader that leaves.

use std::io::Read;
use std::process::Stdio;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, is_empty, starts_with};

fn v1reel(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_v1reel"));
    command.args(words);
    command
}

#[test]
fn help_lists_every_command_on_standard_output() {
    let mut assert = v1reel(&["--help"]).assert().success().stderr(is_empty());
    for name in [
        "simulate",
        "inspect",
        "data",
        "train",
        "import",
        "causality",
        "mask",
        "predict",
        "reconstruct",
        "evaluate",
        "report",
        "export",
        "explain",
        "show",
        "demo",
    ] {
        assert = assert.stdout(contains(format!("\n  {name} ")));
        v1reel(&[name, "--help"]).assert().success().stdout(contains("Usage: v1reel"));
    }
}

#[test]
fn version_is_the_packages() {
    v1reel(&["--version"]).assert().success().stdout(format!("v1reel {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn misuse_exits_with_2_and_says_why_on_standard_error() {
    for words in [
        &["reconstuct"][..],
        &[],
        &["train"],
        &["train", "a.toml", "--member-count", "3"],
        &["inspect", "mouse", "--device", "gpu"],
        &["inspect", "mouse", "--threads", "0"],
        &["simulate", "out", "--neurons", "0"],
    ] {
        v1reel(words).assert().code(2).stdout(is_empty()).stderr(is_empty().not());
    }
    v1reel(&["reconstuct"]).assert().stderr(contains("reconstruct"));
}

#[test]
fn an_error_is_one_line_that_starts_with_error() {
    let folder = tempfile::tempdir().unwrap();
    // The path is fine and what is there is not: a failure, not misuse.
    let path = folder.path().join("folder.pth");
    let words = ["import", path.to_str().unwrap(), "out.safetensors"];
    let one_line = predicate::function(|text: &str| text.lines().count() == 1);
    v1reel(&words).current_dir(&folder).assert().code(1).stderr(starts_with("error: ").and(one_line));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was left behind");
}

#[test]
fn a_reader_that_leaves_causes_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_v1reel"))
        .arg("--help")
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut complaints = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(complaints, "");
}
