//! Holds a TOML text against the keys and types that an experiment may have, so that a slip is
//! answered with the file, the line, the key and the nearest key there is.

use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::raw::{MODEL_KEYS_FROM_DATA, RawExperiment};

/// Keys whose list has one number for each axis: frames, height, width.
const BY_AXIS: [&str; 2] = ["reconstruction.gradient_sigma", "reconstruction.filter_sigma"];

/// What is wrong at one place of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slip {
    /// Byte offset of the place in the text.
    pub offset: Option<usize>,
    /// What was found and what was expected.
    pub problem: String,
}

/// Builds the table of all keys, each with an example of its value.
pub(super) fn all_keys() -> Table {
    let mut keys = Table::try_from(RawExperiment::example()).expect("the example is plain data");
    keys.insert("preset".into(), Value::String("paper".into()));
    if let Some(Value::Table(reconstruction)) = keys.get_mut("reconstruction") {
        reconstruction.insert("preset".into(), Value::String("paper".into()));
    }
    keys
}

/// Parses `text` and checks its keys and types; ranges are checked once all layers are merged.
pub(super) fn check(text: &str) -> Result<Table, Slip> {
    let mut document = DeTable::parse(text).map_err(slip)?;
    check_table(document.get_ref(), &all_keys(), "")?;
    let table: Table = toml::from_str(text).map_err(slip)?;
    // What an example can't tell: negative counts, names of enum variants, lengths of lists.
    remove_presets(document.get_mut());
    RawExperiment::deserialize(toml::de::Deserializer::from(document)).map_err(|e| {
        let mut slip = slip(e);
        if let Some(offset) = slip.offset {
            let line = text.lines().nth(line_number(text, offset) - 1).unwrap_or_default();
            slip.problem = format!("{} in `{}`", slip.problem, line.trim());
        }
        slip
    })?;
    Ok(table)
}

fn slip(error: toml::de::Error) -> Slip {
    // One line, because an error is one line.
    let problem = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
    Slip { offset: error.span().map(|span| span.start), problem }
}

/// Removes what chooses a layer and is no part of the experiment itself.
fn remove_presets(document: &mut DeTable<'_>) {
    document.remove("preset");
    for (key, value) in document.iter_mut() {
        if let (true, DeValue::Table(section)) = (key.get_ref() == "reconstruction", value.get_mut()) {
            section.remove("preset");
        }
    }
}

/// Returns the number of the line, from 1, that holds byte `offset`.
pub(super) fn line_number(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
}

fn check_table(found: &DeTable<'_>, expected: &Table, section: &str) -> Result<(), Slip> {
    for (key, value) in found {
        let (name, offset) = (key.get_ref().as_ref(), Some(key.span().start));
        let path = join(section, name);
        if section == "model" && MODEL_KEYS_FROM_DATA.contains(&name) {
            let problem = format!("{path} follows from the recordings; leave it out");
            return Err(Slip { offset, problem });
        }
        let Some(example) = expected.get(name) else {
            let nearest = nearest_key(section, name, value.get_ref().is_table());
            return Err(Slip { offset, problem: format!("unknown key {path}; did you mean {nearest}?") });
        };
        match (value.get_ref(), example) {
            (DeValue::Table(found), Value::Table(expected)) => check_table(found, expected, &path)?,
            (found, example) if !fits(found, example) => {
                let problem = format!("{path} {}, expected {}", misfit(found, example), expectation(example));
                return Err(Slip { offset, problem });
            }
            (DeValue::Array(found), Value::Array(example))
                if BY_AXIS.contains(&path.as_str()) && found.len() != example.len() =>
            {
                let problem = format!("{path} has {} numbers, expected {}", found.len(), example.len());
                return Err(Slip { offset, problem });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Names a key of a section as `--set` does.
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_string() } else { format!("{section}.{key}") }
}

/// Finds the known key that looks most like `section.key`, in its own section rather than in another.
pub(super) fn nearest_key(section: &str, key: &str, is_table: bool) -> String {
    let mut candidates = Vec::new();
    for (name, value) in all_keys() {
        match value {
            Value::Table(keys) => {
                candidates.extend(keys.keys().filter(|_| !is_table).map(|k| (name.clone(), k.clone())));
                candidates.extend(is_table.then_some((String::new(), name)));
            }
            _ => candidates.extend((!is_table).then_some((String::new(), name))),
        }
    }
    candidates.retain(|(_, k)| !MODEL_KEYS_FROM_DATA.contains(&k.as_str()));
    let distance = |(s, k): &(String, String)| {
        let letters = strsim::damerau_levenshtein(&k.to_lowercase(), &key.to_lowercase());
        // A key of this section wins unless another section has a much better one.
        2 * letters + if s == section { 0 } else { 3 }
    };
    let best = candidates.into_iter().min_by_key(distance).expect("there are keys");
    join(&best.0, &best.1)
}

fn fits(found: &DeValue<'_>, example: &Value) -> bool {
    match (found, example) {
        (DeValue::String(_), Value::String(_))
        | (DeValue::Integer(_), Value::Integer(_))
        | (DeValue::Integer(_) | DeValue::Float(_), Value::Float(_))
        | (DeValue::Boolean(_), Value::Boolean(_)) => true,
        (DeValue::Array(found), Value::Array(example)) => {
            let element = example.first();
            found.iter().all(|value| element.is_none_or(|element| fits(value.get_ref(), element)))
        }
        _ => false,
    }
}

/// Says what is wrong with a value: the element at fault when only one of a list is.
fn misfit(found: &DeValue<'_>, example: &Value) -> String {
    if let (DeValue::Array(found), Value::Array(example)) = (found, example)
        && let Some(element) = example.first()
        && let Some(wrong) = found.iter().find(|value| !fits(value.get_ref(), element))
    {
        return format!("has {} in it", describe(wrong.get_ref()));
    }
    format!("is {}", describe(found))
}

fn describe(found: &DeValue<'_>) -> String {
    match found {
        DeValue::String(text) => format!("text (\"{text}\")"),
        DeValue::Integer(number) => format!("a whole number ({})", number.as_str()),
        DeValue::Float(number) => format!("a number ({})", number.as_str()),
        DeValue::Boolean(value) => format!("{value}"),
        DeValue::Datetime(value) => format!("a date ({value})"),
        DeValue::Array(_) => "a list".to_string(),
        DeValue::Table(_) => "a section".to_string(),
    }
}

/// Says what type of value a key takes, of which there is an example.
pub(super) fn expectation(example: &Value) -> &'static str {
    match example {
        Value::String(_) => "text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(values) => match values.first() {
            Some(Value::String(_)) => "a list of texts in quotes",
            Some(Value::Integer(_)) => "a list of whole numbers",
            _ => "a list of numbers",
        },
        Value::Table(_) => "a section",
    }
}
