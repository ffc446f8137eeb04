//! Holds the commands of an example against the program, without running them.

use std::path::Path;

use clap::Parser;
use v1reel::cli::args::Cli;

/// Lists what is wrong with the commands of a script that the program, or the Makefile, would answer for.
pub fn problems(script: &str, root: &Path) -> Vec<String> {
    let makefile = std::fs::read_to_string(root.join("Makefile")).unwrap();
    commands(script)
        .iter()
        .filter_map(|words| {
            let name = words.first()?.rsplit('/').next()?;
            match name {
                "v1reel" => {
                    let words = std::iter::once("v1reel").chain(words[1..].iter().map(String::as_str));
                    let error = Cli::try_parse_from(words).err().filter(clap::Error::use_stderr)?;
                    Some(error.to_string().lines().next().unwrap_or_default().to_string())
                }
                "make" => {
                    let targets = words[1..].iter().filter(|word| !word.contains('='));
                    let unknown =
                        targets.into_iter().find(|target| !makefile.contains(&format!("\n{target}:")))?;
                    Some(format!("the Makefile makes no {unknown}"))
                }
                _ => None,
            }
        })
        .collect()
}

/// Takes a script apart into commands of words: without comments, assignments before a command, and what follows a
/// redirection or a pipe.
pub fn commands(script: &str) -> Vec<Vec<String>> {
    let joined = script.replace("\\\n", " ");
    let lines = joined.lines().filter_map(shlex::split);
    let mut commands = Vec::new();
    for words in lines {
        for part in words.split(|word| ["&&", "||", "|", ";", "&"].contains(&word.as_str())) {
            let is_assignment = |word: &&String| {
                word.split_once('=')
                    .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
            };
            let words = part
                .iter()
                .skip_while(is_assignment)
                .take_while(|word| ![">", "<", "2>"].contains(&word.as_str()));
            commands.push(words.cloned().collect::<Vec<_>>());
        }
    }
    commands.retain(|words| !words.is_empty());
    commands
}

#[test]
fn a_script_is_taken_apart_into_commands() {
    let script = "# first\nA=1 target/release/v1reel train a.toml \\\n    --members 0-3   # some\nmake test | tail > x\n";
    let expected = [
        vec!["target/release/v1reel", "train", "a.toml", "--members", "0-3"],
        vec!["make", "test"],
        vec!["tail"],
    ];
    assert_eq!(commands(script), expected);
}

#[test]
fn flags_and_targets_that_do_not_exist_are_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(
        problems(
            "v1reel train a.toml --members 0-3 --set x.y=1\nmake test\nls -l\nv1reel train --help\n",
            root
        )
        .is_empty()
    );
    let found = problems("v1reel train a.toml --member 3\nv1reel report\nmake tests\n", root);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("--member") && found[2].contains("tests"), "{found:?}");
}
