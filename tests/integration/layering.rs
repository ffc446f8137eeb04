//! Data flows one way: a stage imports only stages to its left. Reads the sources, because the compiler
//! doesn't mind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What every module may use: they know no stage.
const BASE: [&str; 9] =
    ["atomic", "csv_file", "device", "error", "event", "hdf5_file", "metric", "seed", "stop"];

/// The stages from left to right, and what stands beside them, each with what it may use besides the base
/// and itself. A new module has to be given its place here.
fn allowed() -> BTreeMap<&'static str, Vec<&'static str>> {
    let stages = [
        "data",
        "model",
        "train",
        "ensemble",
        "reconstruct",
        "decode",
        "probe",
        "evaluate",
        "ablate",
        "report",
    ];
    let mut allowed: BTreeMap<_, Vec<_>> = BASE.iter().map(|module| (*module, Vec::new())).collect();
    for (index, stage) in stages.iter().enumerate() {
        let mut left = stages[..index].to_vec();
        if index > 0 {
            left.extend(["kernel", "run_folder"]);
        }
        allowed.insert(stage, left);
    }
    // Its page says how a run was made, and whether its mice are simulated.
    allowed.entry("report").or_default().extend(["manifest", "simulate"]);
    // It stands beside the report, whose page it shows.
    allowed.insert("live", vec!["data", "reconstruct", "report"]);
    allowed.insert("kernel", Vec::new());
    allowed.insert("run_folder", vec!["data"]);
    allowed.insert("simulate", vec!["data"]);
    allowed.insert("manifest", Vec::new());
    // Only for the stages' settings.
    allowed.insert("experiment", [&stages[..], &["simulate"]].concat());
    let everything =
        [&stages[..], &["kernel", "live", "run_folder", "simulate", "manifest", "experiment"]].concat();
    allowed.insert("cli", everything);
    allowed
}

/// Lists what is wrong with the source `text` of `path`, a path inside `src`.
fn violations(path: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let name = path.display();
    if !text.starts_with("//! ") {
        found.push(format!("{name}: line 1 is not a module doc (`//! ...`)"));
    }
    let module = top_module(path);
    let allowed = allowed();
    // A test may say why it skips.
    let library = text.split("#[cfg(test)]").next().unwrap_or(text);
    for (number, line) in code_lines(library) {
        let prints = ["println!", "print!", "dbg!"].iter().any(|print| line.contains(print));
        if prints && module != "cli" {
            found.push(format!("{name}:{number}: prints; only src/cli does"));
        }
    }
    if matches!(module.as_str(), "lib" | "main") {
        return found;
    }
    let Some(may_use) = allowed.get(module.as_str()) else {
        found.push(format!("{name}: the module {module} has no place in tests/integration/layering.rs"));
        return found;
    };
    for used in used_modules(path, text) {
        let free = used == module || BASE.contains(&used.as_str()) || may_use.contains(&used.as_str());
        // Names of functions and types at the root are no modules.
        if allowed.contains_key(used.as_str()) && !free {
            found.push(format!("{name}: {module} must not use {used}"));
        }
    }
    found
}

/// Names the module of the crate's root that a file belongs to.
fn top_module(path: &Path) -> String {
    let first = path.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
    first.unwrap_or_default().trim_end_matches(".rs").to_string()
}

/// Lists the modules of the crate's root that a source names, by `crate::` or by enough `super::`.
fn used_modules(path: &Path, text: &str) -> Vec<String> {
    let code: String = code_lines(text).into_iter().map(|(_, line)| line + "\n").collect();
    let mut used = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        // `$crate::` of a macro is a use as well; `mycrate::` is none.
        if !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            used.extend(heads(&code[at + "crate::".len()..]));
        }
    }
    let depth = path.components().count() - usize::from(path.ends_with("mod.rs"));
    let to_root = "super::".repeat(depth);
    for (at, _) in code.match_indices(&to_root) {
        if !code[..at].ends_with("::") {
            used.extend(heads(&code[at + to_root.len()..]));
        }
    }
    used
}

/// Takes the first names of the path or group of paths that `code` starts with: of `{a::b, c}` both a and c.
fn heads(code: &str) -> Vec<String> {
    let identifier = |code: &str| -> String {
        code.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = code.trim_start().strip_prefix('{') else { return vec![identifier(code)] };
    let (mut names, mut depth) = (vec![identifier(group)], 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(identifier(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Returns the numbered lines without comments. Text that looks like a comment is cut too; that loses
/// nothing, because no path follows it.
fn code_lines(text: &str) -> Vec<(usize, String)> {
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_string();
    text.lines().enumerate().map(|(index, line)| (index + 1, code(line))).collect()
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn every_source_keeps_to_its_layer_prints_nothing_and_says_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    assert!(paths.len() > 20, "only {} sources were found", paths.len());
    let mut found = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        found.extend(violations(path.strip_prefix(&root).unwrap(), &text));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_planted_violation_is_caught_however_it_is_written() {
    for (path, code) in [
        ("data/fold.rs", "use crate::model::ModelConfig;"),
        ("data/fold.rs", "pub(crate) use crate::train;"),
        ("data/fold.rs", "use crate::{error::{Error, Result}, reconstruct::MaskConfig};"),
        ("data/fold.rs", "fn f() -> crate::cli::args::Cli { todo!() }"),
        ("data/mod.rs", "use super::model::ModelConfig;"),
        ("data/format/npy_tree.rs", "use super::super::super::evaluate;"),
        ("kernel/mod.rs", "use crate::model;"),
        ("metric/error.rs", "use crate::data::Trial;"),
        ("simulate/mod.rs", "use crate::model::ModelConfig;"),
        ("train/mod.rs", "use crate::experiment::Experiment;"),
        ("seed.rs", "use super::data::TrialId;"),
        ("data/fold.rs", "println!(\"fold {fold}\");"),
        ("data/fold.rs", "    eprintln!(\"fold\");"),
        ("stray/mod.rs", "use crate::error::Result;"),
    ] {
        let found = violations(Path::new(path), &format!("//! Doc.\n\n{code}\n"));
        assert_eq!(found.len(), 1, "{path}: {code}: {found:?}");
    }
    assert_eq!(violations(Path::new("data/fold.rs"), "use std::fs;\n").len(), 1);
}

#[test]
fn what_is_allowed_is_left_alone() {
    for (path, code) in [
        ("model/core.rs", "use crate::{data::ClipConfig, kernel, error::{Error, Result}};"),
        ("report/mod.rs", "use crate::evaluate::Scores; // not crate::cli"),
        ("data/fold.rs", "//! See [`crate::model`].\nuse super::clip::ClipConfig;"),
        ("data/format/npy_tree.rs", "use super::super::trial::Trial;"),
        ("simulate/movie.rs", "use crate::data::MouseId;"),
        ("cli/mod.rs", "println!(\"{}\", crate::experiment::name());"),
    ] {
        let found = violations(Path::new(path), &format!("//! Doc.\n\n{code}\n"));
        assert!(found.is_empty(), "{path}: {code}: {found:?}");
    }
}
