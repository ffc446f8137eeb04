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

/// Lists relative links that lead to no file, or to no heading of a page.
pub fn broken_links(page: &Page) -> Vec<String> {
    let folder = page.path.parent().unwrap();
    let mut broken = Vec::new();
    for (line, text) in &page.prose {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            if file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            let path = if file.is_empty() { page.path.clone() } else { folder.join(file) };
            let found = match heading {
                "" => path.exists(),
                _ => std::fs::read_to_string(&path)
                    .is_ok_and(|text| headings(&text).any(|name| name == heading)),
            };
            if !found {
                broken.push(format!("{}:{line}: nothing is at {target}", page.name));
            }
        }
    }
    broken
}

/// Lists the names that a page's headings are linked by: small letters and digits, hyphens for spaces.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let titles = text
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    titles.map(|title| {
        let kept = title.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
    })
}

#[test]
fn headings_are_known_by_the_names_that_links_have() {
    let found: Vec<String> =
        headings("# A b\n#!/bin/sh\n## 7. The presets, and `c_d`\ntext # no\n").collect();
    assert_eq!(found, ["a-b", "7-the-presets-and-c_d"]);
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
