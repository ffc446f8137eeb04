//! Writes the reference of the experiment file as a page of documentation.

use super::{Key, Section, sections};
use crate::error::Result;

const HEAD: &str = "\
<!-- Made by `v1reel explain --markdown`; a test holds it against the program. V1REEL_BLESS=1 writes it anew. -->

# The experiment file

One experiment is one TOML file: which mice, which encoder, how it is trained, what is reconstructed. Every key below may
be left out but `data.mice`. What a file does not say is the preset's (`preset`, above all sections), what no preset says is a
default of v1reel; `--set section.key=value` lies over all of them for one command. A key that does not exist is an error
that names the nearest one.

```sh
v1reel explain                       # the sections
v1reel explain reconstruction        # the keys of one
v1reel explain train.batch_size      # one key, with its value in every preset
v1reel show experiment.toml          # every setting of an experiment, and where it comes from
```

Paths in a file are relative to the file; paths on the command line to the current folder. A whole number will do where a
number is expected.

";

/// Writes the page.
///
/// # Errors
/// When a preset that comes with v1reel is wrong.
pub fn markdown() -> Result<String> {
    let sections = sections()?;
    let mut page = HEAD.to_string();
    for section in &sections {
        page += &heading(section);
        page += "| key | meaning | value | default |\n| --- | --- | --- | --- |\n";
        for key in &section.keys {
            let (value, default) = (value(key), default(key));
            page += &format!("| `{}` | {} | {value} | {default} |\n", key.name, cell(&meaning(key)));
        }
        page += "\n";
    }
    Ok(page.trim_end().to_string() + "\n")
}

fn heading(section: &Section) -> String {
    if section.name.is_empty() {
        return format!("## {}\n\n", section.meaning.trim_end_matches('.'));
    }
    format!("## `[{}]`\n\n{}\n\n", section.name, section.meaning)
}

fn meaning(key: &Key) -> String {
    let choices = key.choices.iter().map(|choice| {
        let colon = if choice.meaning.is_empty() { "" } else { ": " };
        let end = if choice.meaning.is_empty() || choice.meaning.ends_with('.') { "" } else { "." };
        format!("<br>`\"{}\"`{colon}{}{end}", choice.name, choice.meaning)
    });
    key.meaning.clone() + &choices.collect::<String>()
}

fn value(key: &Key) -> String {
    let kind = if key.choices.is_empty() { key.kind.to_string() } else { choice_kind(key) };
    let parts = [Some(kind), key.unit.clone(), key.allowed.clone()];
    cell(&parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
}

fn choice_kind(key: &Key) -> String {
    if key.kind.starts_with("list") { "list of these".into() } else { "one of these".into() }
}

/// One value when all presets agree, else each value with those that have it.
fn default(key: &Key) -> String {
    let mut values: Vec<(Option<&str>, Vec<&str>)> = Vec::new();
    for (preset, value) in &key.defaults {
        match values.iter_mut().find(|(known, _)| *known == value.as_deref()) {
            Some((_, presets)) => presets.push(preset),
            None => values.push((value.as_deref(), vec![preset])),
        }
    }
    let shown = |value: Option<&str>| value.map_or("absent".to_string(), |value| format!("`{value}`"));
    if let [(value, _)] = values[..] {
        return cell(&shown(value));
    }
    let each = values.iter().map(|(value, presets)| format!("{} ({})", shown(*value), presets.join(", ")));
    cell(&each.collect::<Vec<_>>().join("<br>"))
}

/// Keeps a text from ending its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
