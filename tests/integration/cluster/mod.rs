//! Runs on many machines: the same bytes as the commands one by one, whatever dies on the way.

mod commands;
mod killed;
mod same_bytes;
mod slurm;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::support::what_counts;
use super::whole_way::{Lab, SMALL};

/// Two mice.
pub fn lab(experiment: &str) -> Lab {
    let lab = Lab::new("neurons = 12\n");
    lab.ok(&["simulate", "other", "--config", "mouse.toml", "--neurons", "9", "--seed", "other"]);
    let text = experiment.replace("mice = [\"mouse\"]", "mice = [\"mouse\", \"other\"]");
    lab.write("small.toml", &text);
    lab
}

/// Where members take turns and movies start from the linear decoder's, as in the default preset.
pub fn turns() -> String {
    let reconstruction = "combine = \"turns\"\nstart = \"decoder\"\n";
    format!("{SMALL}{reconstruction}[decode]\nlags = [0, 3]\nstrengths = [0.1, 1.0]\n")
}

/// Says whether a file of a run may differ between ways to make it: what tells how it was made, and what is kept only
/// where it took long to find out.
fn tells_how_it_was_made(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    path.starts_with("cluster") || ["manifest.json", "log.jsonl", "movie_groups.json"].contains(&&*name)
}

/// Everything a run made, by path inside the run. The page quotes the manifest, which is taken out.
pub fn made(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![run.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let inside = path.strip_prefix(run).unwrap().to_path_buf();
            if path.is_dir() {
                folders.push(path);
            } else if !tells_how_it_was_made(&inside) {
                found.insert(inside, what_counts(&path));
            }
        }
    }
    let page = Path::new("report/index.html");
    if let Some(bytes) = found.get_mut(page) {
        let manifest: Value =
            serde_json::from_str(&fs::read_to_string(run.join("manifest.json")).unwrap()).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let words = serde_json::to_string(&manifest["started_by"]).unwrap();
        assert!(text.contains(&words), "the page does not say how it was made");
        *bytes = text.replace(&words, "[]").into_bytes();
    }
    found
}

/// Checks that two runs made the same files with the same bytes.
pub fn assert_same(one: &BTreeMap<PathBuf, Vec<u8>>, other: &BTreeMap<PathBuf, Vec<u8>>) {
    let names = |made: &BTreeMap<PathBuf, Vec<u8>>| made.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(other));
    for (path, bytes) in one {
        assert!(*bytes == other[path], "{} differs", path.display());
    }
}

/// The way of a lab that gives one command after the other.
pub const ONE_BY_ONE: [&[&str]; 5] = [
    &["train", "small.toml"],
    &["mask", "small.toml"],
    &["reconstruct", "small.toml"],
    &["evaluate", "small.toml"],
    &["report", "run"],
];

/// Gives the commands one by one, and moves what they made to `plain`.
pub fn plain(lab: &Lab, commands: &[&[&str]]) -> BTreeMap<PathBuf, Vec<u8>> {
    for command in commands {
        lab.ok(command);
    }
    let made = made(&lab.path("run"));
    fs::rename(lab.path("run"), lab.path("plain")).unwrap();
    made
}

/// Reads what `v1reel status --json` says: tasks by name.
pub fn standings(lab: &Lab) -> BTreeMap<String, String> {
    let status: Value = serde_json::from_str(&lab.ok(&["status", "small.toml", "--json"])).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_string();
    status["tasks"].as_array().unwrap().iter().map(|t| (text(&t["name"]), text(&t["standing"]))).collect()
}
