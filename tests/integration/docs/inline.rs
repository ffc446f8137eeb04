//! Holds what a page says between examples against the program: commands in code spans, and links.

use clap::{Command, CommandFactory};
use v1reel::cli::args::Cli;

use super::page::Page;

/// Lists commands in code spans that the program does not have, and flags that it does not take.
pub fn problems(page: &Page) -> Vec<String> {
    let mut cli = Cli::command();
    cli.build();
    let spans = page.prose.iter().flat_map(|(line, text)| spans(text).map(move |span| (*line, span)));
    let commands = spans.filter_map(|(line, span)| Some((line, span.strip_prefix("v1reel ")?)));
    let wrong = commands.filter_map(|(line, words)| Some((line, problem(&cli, words)?)));
    wrong.map(|(line, problem)| format!("{}:{line}: {problem}", page.name)).collect()
}

/// Lists the code spans of a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn problem(cli: &Command, words: &str) -> Option<String> {
    let mut command = cli;
    let mut at_start = true;
    for word in words.split_whitespace() {
        if let Some(flag) = word.strip_prefix("--") {
            let flag = flag.split('=').next().unwrap_or(flag);
            let known = command.get_arguments().any(|argument| argument.get_long() == Some(flag));
            if !known && flag != "help" && flag != "version" {
                return Some(format!("`v1reel {words}`: there is no --{flag}"));
            }
        } else if let (true, Some(found)) = (at_start, command.find_subcommand(word)) {
            command = found;
            continue;
        } else if at_start && command.has_subcommands() && word != "..." {
            return Some(format!("`v1reel {words}`: there is no command {word}"));
        }
        at_start = false;
    }
    None
}

/// Lists relative links that lead nowhere.
pub fn broken_links(page: &Page) -> Vec<String> {
    let folder = page.path.parent().unwrap();
    let mut broken = Vec::new();
    for (line, text) in &page.prose {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let is_elsewhere = file.is_empty() || file.contains("://") || file.starts_with("mailto:");
            if !is_elsewhere && !folder.join(file).exists() {
                broken.push(format!("{}:{line}: there is no {file}", page.name));
            }
        }
    }
    broken
}

#[test]
fn a_command_or_flag_that_does_not_exist_is_found() {
    let mut cli = Cli::command();
    cli.build();
    for fine in [
        "train EXPERIMENT",
        "data verify PATH...",
        "train a.toml --members 0-3 --quiet",
        "ablate neurons",
        "--help",
    ] {
        assert_eq!(problem(&cli, fine), None);
    }
    for wrong in
        ["trian a.toml", "data veriffy x", "train a.toml --member 3", "ablate neurons --alterations mean"]
    {
        assert!(problem(&cli, wrong).is_some(), "{wrong}");
    }
    assert_eq!(spans("a `b c` d `e`").collect::<Vec<_>>(), ["b c", "e"]);
}
