//! The documentation holds: every example of README.md and docs/ is run, or said not to be and why; every setting,
//! flag and file that it names exists; the reference of the experiment file is the program's own.
//!
//! What a page may say of an example, in an HTML comment on the line above it:
//! - `<!-- not run: WHY -->`: its commands are only held against the program's flags
//! - `<!-- file: NAME -->`: a later example needs it under this name
//! - `<!-- simulation -->`: a TOML example that is the recipe of a simulated mouse and not an experiment
//!
//! Examples of a page run one after the other in a folder with a tiny mouse `mice/first`, an experiment `experiment.toml`
//! on it and its finished run `runs/first`; `<!-- starts: empty -->` anywhere on the page gives it an empty folder.

mod inline;
mod page;
mod shell;
mod workspace;

use std::path::{Path, PathBuf};

use page::{Block, Page};
use v1reel::experiment::{Experiment, Layer, reference};
use v1reel::simulate::SimulationConfig;
use workspace::Workspace;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and every page under docs/.
fn pages() -> Vec<Page> {
    fn markdown(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                markdown(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let mut paths = vec![root().join("README.md"), root().join("data/README.md")];
    markdown(&root().join("docs"), &mut paths);
    paths.sort();
    paths.iter().map(|path| Page::read(path, root())).collect()
}

fn fail_with(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_example_is_of_a_kind_that_is_tested() {
    let pages = pages();
    assert!(pages.len() > 3, "only {} pages were found", pages.len());
    let untested = |page: &Page, block: &Block| {
        let tested = ["sh", "toml", "python"].contains(&block.language.as_str());
        let output = ["", "text", "json", "csv"].contains(&block.language.as_str());
        (!tested && !output && block.not_run.is_none()).then(|| {
            format!(
                "{}: nothing runs {:?}; say why not, or write it as sh, toml or python",
                page.place(block),
                block.language
            )
        })
    };
    fail_with(
        pages.iter().flat_map(|page| page.blocks.iter().filter_map(|block| untested(page, block))).collect(),
    );
}

#[test]
fn every_command_has_flags_that_the_program_takes() {
    let mut problems = Vec::new();
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.language == "sh") {
            let found = shell::problems(&block.text, root());
            problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", page.place(block))));
        }
        problems.extend(inline::problems(&page));
    }
    fail_with(problems);
}

#[test]
fn every_link_leads_to_a_file() {
    fail_with(pages().iter().flat_map(inline::broken_links).collect());
}

#[test]
fn every_toml_example_is_one_that_the_program_takes() {
    let mut problems = Vec::new();
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.language == "toml") {
            let problem = if block.simulation {
                toml::from_str::<SimulationConfig>(&block.text).map(drop).map_err(|e| e.to_string())
            } else {
                // A part of an experiment, such as one section, is one as soon as there is a mouse.
                let mouse = Layer::text("a mouse", "[data]\nmice = [\"mouse\"]", Path::new("/"));
                let example = Layer::text("the example", &block.text, Path::new("/"));
                let layers = mouse.and_then(|mouse| Ok(vec![mouse, example?]));
                layers
                    .and_then(|layers| Experiment::resolve(layers, "example"))
                    .map(drop)
                    .map_err(|e| e.to_string())
            };
            problems.extend(problem.err().map(|e| format!("{}: {e}", page.place(block))));
        }
    }
    fail_with(problems);
}

#[test]
fn the_reference_of_the_experiment_file_is_the_programs_own() {
    let path = root().join("docs/experiment_file.md");
    let expected = reference::markdown().unwrap();
    if std::env::var_os("V1REEL_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    let changed = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    let advice = "write it anew: V1REEL_BLESS=1 cargo test --release --test integration docs";
    assert!(
        found == expected,
        "{} is not what the program says; first {changed:?}; {advice}",
        path.display()
    );
}

#[test]
fn a_key_that_does_not_exist_is_answered_with_the_nearest_one() {
    for (asked, nearest) in
        [("train.bach_size", "train.batch_size"), ("batch_siz", "train.batch_size"), ("trian", "train")]
    {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_v1reel"))
            .args(["explain", asked])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(2) && said.ends_with(&format!("did you mean {nearest}?\n")),
            "{said}"
        );
    }
}

#[test]
fn every_example_runs() {
    let base = Workspace::with_a_finished_run();
    let run = |page: &Page| -> Vec<String> {
        if !page.runs() {
            return Vec::new();
        }
        let workspace = if page.starts_empty { Workspace::empty() } else { base.copy() };
        workspace.run(page)
    };
    let pages = pages();
    let ran = pages.iter().filter(|page| page.runs()).count();
    assert!(ran > 2, "examples of only {ran} pages ran");
    let problems = std::thread::scope(|scope| {
        let threads: Vec<_> = pages.iter().map(|page| scope.spawn(|| run(page))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    fail_with(problems);
}
