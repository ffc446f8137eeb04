//! What every key of an experiment file means, read off the settings themselves: meanings are their doc comments, types
//! and order those of the parser, defaults those of the presets, and ranges what the validator answers to a value that
//! is out of them. Nothing is written down twice, so that nothing can be out of date.

mod allowed;
mod markdown;

use schemars::{JsonSchema, Schema, schema_for};
use serde_json::Value as Json;
use toml::de::DeTable;
use toml::{Table, Value};

use super::layer::{Layer, PRESETS, Stack};
use super::raw::{MODEL_KEYS_FROM_DATA, RawExperiment};
use super::schema;
use crate::error::Result;

pub use markdown::markdown;

/// One key of an experiment file.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The section it is in; empty for those above all sections.
    pub section: String,
    /// Its name in the section.
    pub name: String,
    /// What type of value it takes.
    pub kind: &'static str,
    /// The unit of the value, when it has one.
    pub unit: Option<String>,
    /// What it means, in sentences.
    pub meaning: String,
    /// The words it may be, when it is one of a few.
    pub choices: Vec<Choice>,
    /// What the validator expects of the value beyond its type.
    pub allowed: Option<String>,
    /// Its value in each preset, `None` where it is absent.
    pub defaults: Vec<(&'static str, Option<String>)>,
}

impl Key {
    /// The name with the section, as in `--set`.
    pub fn path(&self) -> String {
        schema::join(&self.section, &self.name)
    }
}

/// One word that a key may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The word.
    pub name: String,
    /// What it means.
    pub meaning: String,
}

/// One section of an experiment file.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its name; empty for the keys above all sections.
    pub name: String,
    /// What it is about.
    pub meaning: &'static str,
    /// Its keys, as the settings have them.
    pub keys: Vec<Key>,
}

/// The keys above all sections: names, meanings.
const TOP: [(&str, &str); 5] = [
    (
        "preset",
        "The settings that lie under the file: every key that the file does not give has the preset's value.",
    ),
    ("name", "Name of the run, and of its folder. The file's own name without its ending when absent."),
    (
        "seed",
        "Name that all randomness follows from: the same name gives the same weights, clips and draws. The run's name \
         when absent.",
    ),
    (
        "device",
        "Where the encoder runs: `cpu`, or as far as it was built in, `tch`, `tch:N`, `vulkan`, `wgpu`, `cuda:N`; `cpu` when absent.",
    ),
    ("run", "Folder of the results; `runs/NAME`, from where the command is given, when absent."),
];

/// What `[reconstruction]` may say besides its settings.
const RECONSTRUCTION_PRESET: &str = "The preset that this section alone is taken from, under what the file says; the \
     file's own preset when absent.";

/// A section as the settings have it: its name, what it is about, what its keys mean, its values in their order.
type Source = (&'static str, &'static str, Schema, String);

/// Lists the sections in the order of the work. A new section needs a line here.
fn sources() -> Vec<Source> {
    // The example has every key: what is absent would be out of order.
    let all = RawExperiment::example();
    vec![
        source(
            "data",
            "Which recordings, how they are split into folds, and which trials are reconstructed.",
            &all.data,
        ),
        source("clip", "Which frames the encoder sees at once.", &all.clip),
        source(
            "input",
            "Size of the encoder's input: movies are put in its middle, with zeros around.",
            &all.input,
        ),
        source("model", "Sizes of the encoder. The defaults are DwiseNeuro's.", &all.model),
        source("train", "How one member of the ensemble is trained.", &all.train),
        source("ensemble", "How many members there are, and what each is not trained on.", &all.ensemble),
        source(
            "mask",
            "How the transparency mask is made: how much each pixel matters to these neurons.",
            &all.mask,
        ),
        source("reconstruction", "How the movie is reconstructed, filtered and scored.", &all.reconstruction),
        source("decode", "The linear decoder: a control, and where a reconstruction may start.", &all.decode),
        source("ablation", "Which neurons and behavioral channels `v1reel ablate` ablates.", &all.ablation),
        source("probe", "What `v1reel probe` shows to the trained models.", &all.probe),
    ]
}

fn source<T: JsonSchema + serde::Serialize>(
    name: &'static str,
    meaning: &'static str,
    example: &T,
) -> Source {
    let values = toml::to_string(example).expect("settings are plain data");
    (name, meaning, schema_for!(T), values)
}

/// Lists all keys that the parser accepts, by section.
///
/// # Errors
/// When a preset that comes with v1reel is wrong.
pub fn sections() -> Result<Vec<Section>> {
    let (accepted, presets) = (schema::all_keys(), resolved_presets()?);
    let key =
        |section: &str, name: &str, example: &Value, meaning: &str, property: Option<(&Json, &Json)>| {
            let facts = property.map(|(property, whole)| Facts::of(property, whole)).unwrap_or_default();
            let path = schema::join(section, name);
            let mut choices = facts.choices;
            if name == "preset" {
                choices =
                    PRESETS.map(|(name, text)| Choice { name: name.into(), meaning: comment(text) }).to_vec();
            }
            let default = |(preset, values): &(&'static str, Table)| {
                (*preset, default_of(&path, example, values, facts.optional))
            };
            Key {
                section: section.into(),
                name: name.into(),
                kind: kind(example),
                unit: facts.unit,
                meaning: if meaning.is_empty() { facts.meaning } else { meaning.into() },
                allowed: if choices.is_empty() { allowed::allowed(&path, example) } else { None },
                choices,
                defaults: presets.iter().map(default).collect(),
            }
        };
    let mut sections = vec![Section {
        name: String::new(),
        meaning: "Above all sections.",
        keys: in_order(&accepted, TOP.iter().map(|(name, _)| *name).collect())
            .filter(|(_, example)| !example.is_table())
            .map(|(name, example)| {
                let meaning = TOP.iter().find(|(top, _)| *top == name).map_or("", |(_, meaning)| meaning);
                key("", name, example, meaning, None)
            })
            .collect(),
    }];
    let sources = sources();
    for (section, keys) in in_order(&accepted, sources.iter().map(|source| source.0).collect()) {
        let Value::Table(keys) = keys else { continue };
        let source = sources.iter().find(|source| source.0 == section);
        let order = source.map(|source| names_in(&source.3)).unwrap_or_default();
        let schema = source.map(|source| source.2.as_value());
        let names = order.iter().map(String::as_str).collect();
        let keys = in_order(keys, names).filter(|(name, _)| !MODEL_KEYS_FROM_DATA.contains(name));
        let keys = keys.map(|(name, example)| {
            let property = schema.and_then(|schema| Some((schema["properties"].get(name)?, schema)));
            let meaning =
                if (section, name) == ("reconstruction", "preset") { RECONSTRUCTION_PRESET } else { "" };
            key(section, name, example, meaning, property)
        });
        let meaning = source.map_or("", |source| source.1);
        sections.push(Section { name: section.into(), meaning, keys: keys.collect() });
    }
    Ok(sections)
}

/// Names the section or key that looks most like what was asked for.
pub fn nearest(what: &str) -> String {
    let (section, key) = what.split_once('.').unwrap_or(("", what));
    let names = schema::all_keys();
    let near = |name: &&String| strsim::damerau_levenshtein(name, what);
    let of_sections =
        names.iter().filter(|(_, value)| value.is_table()).map(|(name, _)| name).min_by_key(near);
    let key = schema::nearest_key(section, key, false);
    let key_distance = strsim::damerau_levenshtein(key.rsplit('.').next().unwrap_or(&key), what);
    match of_sections {
        Some(name) if section.is_empty() && near(&name) <= key_distance => name.clone(),
        _ => key,
    }
}

/// Goes through a table: first the names in `order`, then the others.
fn in_order<'a>(table: &'a Table, order: Vec<&str>) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let place = |name: &str| match name {
        // What lies under all others comes first.
        "preset" => 0,
        _ => 1 + order.iter().position(|known| *known == name).unwrap_or(order.len()),
    };
    let mut keys: Vec<(&str, &Value)> = table.iter().map(|(name, value)| (name.as_str(), value)).collect();
    keys.sort_by_key(|(name, _)| place(name));
    keys.into_iter()
}

/// Lists the keys of a TOML text in the order they stand there.
fn names_in(text: &str) -> Vec<String> {
    let table = DeTable::parse(text).expect("settings were written as TOML");
    let mut names: Vec<(usize, String)> =
        table.get_ref().keys().map(|key| (key.span().start, key.get_ref().to_string())).collect();
    names.sort();
    names.into_iter().map(|(_, name)| name).collect()
}

/// What the settings' own documentation says of a key.
#[derive(Default)]
struct Facts {
    meaning: String,
    unit: Option<String>,
    choices: Vec<Choice>,
    optional: bool,
}

impl Facts {
    /// Reads the schema of a key; `whole` is that of its section, where the kinds are that it refers to.
    fn of(property: &Json, whole: &Json) -> Self {
        let text = |value: &Json| value.as_str().map(prose);
        let kind = resolve(property, whole);
        let choices = kind["oneOf"].as_array().into_iter().flatten().filter_map(|choice| {
            let name = text(&choice["const"])?;
            Some(Choice { name, meaning: text(&choice["description"]).unwrap_or_default() })
        });
        let null = |types: &Json| types.as_array().is_some_and(|types| types.contains(&"null".into()));
        Self {
            meaning: text(&property["description"]).unwrap_or_default(),
            unit: text(&property["unit"]),
            choices: choices.collect(),
            optional: null(&property["type"]),
        }
    }
}

/// Follows a property to the kind of its value, or of the elements of its list.
fn resolve<'a>(property: &'a Json, whole: &'a Json) -> &'a Json {
    if let Some(items) = property.get("items") {
        return resolve(items, whole);
    }
    let inner = property.get("allOf").and_then(|all| all.get(0)).unwrap_or(property);
    let named = inner["$ref"].as_str().and_then(|path| whole.pointer(path.trim_start_matches('#')));
    named.unwrap_or(inner)
}

/// Turns a doc comment into running text: no line breaks, no links to code.
fn prose(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.replace("[`", "`").replace("`]", "`")
}

/// Takes the comment that a preset's text begins with.
fn comment(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix('#'));
    prose(&lines.collect::<Vec<_>>().join(" "))
}

fn kind(example: &Value) -> &'static str {
    match example {
        Value::String(_) => "text",
        Value::Array(values) if values.first().is_some_and(Value::is_str) => "list of texts",
        other => schema::expectation(other).trim_start_matches("a "),
    }
}

/// The settings of every preset, as they are written.
fn resolved_presets() -> Result<Vec<(&'static str, Table)>> {
    let resolve = |(name, _): (&'static str, &str)| {
        let stack = Stack::new(vec![Layer::preset(name)?])?;
        Ok((name, written(&stack.merged())))
    };
    PRESETS.into_iter().map(resolve).collect()
}

/// Fills in the defaults and writes and reads, so that numbers look as they are typed.
fn written(settings: &Table) -> Table {
    let raw: RawExperiment = settings.clone().try_into().expect("presets are checked when they are laid");
    let text = toml::to_string(&raw).expect("settings are plain data");
    toml::from_str(&text).expect("what was written reads back")
}

fn default_of(path: &str, example: &Value, preset: &Table, optional: bool) -> Option<String> {
    if path == "preset" {
        return Some(Value::from(super::layer::DEFAULT_PRESET).to_string());
    }
    let mut parts = path.split('.');
    let first = parts.next().and_then(|part| preset.get(part));
    let value = parts.fold(first, |value, part| value?.get(part));
    match (value, example) {
        (Some(value), _) => Some(value.to_string()),
        // Left out of what is written when they are as if they were not there.
        (None, Value::Boolean(_)) => Some("false".into()),
        (None, Value::Array(_)) if !optional => Some("[]".into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_meaning_and_every_number_a_unit() {
        for key in sections().unwrap().iter().flat_map(|section| &section.keys) {
            let path = key.path();
            assert!(!key.meaning.is_empty(), "{path} has no meaning: see `sources` and `TOP` here");
            let is_number = key.kind.contains("number");
            assert!(
                !is_number || key.unit.is_some(),
                "{path} has no unit: #[schemars(extend(\"unit\" = ..))]"
            );
        }
    }

    #[test]
    fn every_key_of_the_parser_is_there_once_and_no_other() {
        let mut found: Vec<String> =
            sections().unwrap().iter().flat_map(|section| &section.keys).map(Key::path).collect();
        let mut accepted = Vec::new();
        for (name, value) in schema::all_keys() {
            match value {
                Value::Table(keys) => accepted.extend(keys.keys().map(|key| schema::join(&name, key))),
                _ => accepted.push(name),
            }
        }
        found.sort();
        accepted.sort();
        assert_eq!(found, accepted);
    }

    #[test]
    fn facts_are_those_of_the_presets_the_parser_and_the_validator() {
        let sections = sections().unwrap();
        let key = |path: &str| {
            let keys = sections.iter().flat_map(|section| &section.keys);
            keys.into_iter().find(|key| key.path() == path).unwrap().clone()
        };
        let batch = key("train.batch_size");
        assert_eq!((batch.kind, batch.unit.as_deref()), ("whole number", Some("clips")));
        assert_eq!(batch.allowed.as_deref(), Some("at least 1"));
        let of = |preset: &str| {
            batch.defaults.iter().find(|(name, _)| *name == preset).unwrap().1.clone().unwrap()
        };
        assert_eq!((of("paper").as_str(), of("demo").as_str()), ("24", "16"));
        let combine = key("reconstruction.combine");
        assert_eq!(combine.choices.len(), 3);
        assert!(combine.choices.iter().any(|choice| choice.name == "turns" && !choice.meaning.is_empty()));
        assert_eq!(key("model.drop_rate").allowed.as_deref(), Some("0 to below 1"));
        assert_eq!(key("input.height").allowed.as_deref(), Some("at least 1, at most 4096"));
        assert_eq!(key("mask.initial_max").defaults[0].1.as_deref(), Some("0.05"));
        assert_eq!(key("train.freeze_core").defaults[0].1.as_deref(), Some("false"));
        assert_eq!(key("data.train_tiers").defaults[0].1, None);
        assert_eq!(key("ablation.by").choices.len(), 7);
        // In the order of the settings, not of the alphabet.
        assert!(sections[4].keys[0].name == "core_features", "{:?}", sections[4].keys[0]);
    }
}
