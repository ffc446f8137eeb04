//! `v1reel explain`: what the keys of an experiment file mean.

use crate::cli::args::reference::ExplainArgs;
use crate::cli::output;
use crate::cli::table::Table;
use crate::error::{Error, Result};
use crate::experiment::reference::{Key, Section, markdown, nearest, sections};

/// Explains.
///
/// # Errors
/// [`Error::Usage`] when there is no such section or key; it names the nearest one.
pub fn run(args: &ExplainArgs) -> Result<()> {
    if args.markdown {
        return output::line(markdown()?.trim_end());
    }
    let sections = sections()?;
    let Some(what) = args.what.as_deref().map(str::trim) else {
        return overview(&sections);
    };
    if let Some(section) = sections.iter().find(|section| !section.name.is_empty() && section.name == what) {
        return output::line(format!("[{}] {}\n\n{}", section.name, section.meaning, keys(section)));
    }
    let all = || sections.iter().flat_map(|section| &section.keys);
    // By its full name, or by its own where that is enough to go by: several may have it.
    let exact: Vec<&Key> = all().filter(|key| key.path() == what).collect();
    let found = if exact.is_empty() { all().filter(|key| key.name == what).collect() } else { exact };
    if found.is_empty() {
        return Err(Error::usage(format!(
            "no section or key is called {what}; did you mean {}?",
            nearest(what)
        )));
    }
    output::line(found.into_iter().map(one).collect::<Vec<_>>().join("\n\n"))
}

fn overview(sections: &[Section]) -> Result<()> {
    let mut table = Table::new(["section", "keys", "what it says"]);
    for section in sections {
        let name = if section.name.is_empty() { "(top)".into() } else { format!("[{}]", section.name) };
        let meaning = if section.name.is_empty() { names(section) } else { section.meaning.to_string() };
        table.row([name, section.keys.len().to_string(), meaning]);
    }
    output::line(table)?;
    output::line(
        "\n`v1reel explain SECTION` lists its keys, `v1reel explain SECTION.KEY` says all about one.",
    )
}

fn names(section: &Section) -> String {
    section.keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn keys(section: &Section) -> Table {
    let mut table = Table::new(["key", "preset v1reel", "meaning"]);
    for key in &section.keys {
        let default =
            key.defaults.iter().find(|(preset, _)| *preset == "v1reel").and_then(|(_, value)| value.clone());
        table.row([
            key.name.clone(),
            default.unwrap_or_else(|| "absent".into()),
            first_sentence(&key.meaning).into(),
        ]);
    }
    table
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
}

fn one(key: &Key) -> String {
    let mut lines = vec![key.path(), format!("  {}", key.meaning)];
    lines.extend(
        key.choices
            .iter()
            .map(|choice| format!("    \"{}\"  {}", choice.name, choice.meaning).trim_end().to_string()),
    );
    lines.push(format!(
        "  value: {}",
        [Some(key.kind), key.unit.as_deref(), key.allowed.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; ")
    ));
    for (preset, value) in &key.defaults {
        lines.push(format!("  preset {preset}: {}", value.as_deref().unwrap_or("absent")));
    }
    lines.join("\n")
}
