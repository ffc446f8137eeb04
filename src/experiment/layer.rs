//! Lays settings over each other: defaults, a preset, the experiment file, the command line. Every layer
//! is checked by itself, so that an error names the file or the flag at fault.

use std::path::Path;

use toml::{Table, Value};

use super::schema;
use crate::error::{Error, Result, one_line};

/// The presets that come with v1reel, by name.
pub const PRESETS: [(&str, &str); 4] = [
    ("v1reel", include_str!("../../models/v1reel.toml")),
    ("paper", include_str!("../../models/paper.toml")),
    ("small", include_str!("../../models/small.toml")),
    ("demo", include_str!("../../models/demo.toml")),
];

/// The preset of an experiment that names none.
pub const DEFAULT_PRESET: &str = "v1reel";

/// Settings from one place, of known keys and types.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// What an error calls this place: a path, or a flag with its value.
    origin: String,
    /// Whether it came from the command line; all its flags count as one place.
    from_flag: bool,
    keys: Table,
}

impl Layer {
    /// Reads an experiment file. Its relative paths are relative to its folder.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be read; [`Error::Usage`] when a key is unknown or of the wrong type.
    pub fn file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::text(&path.display().to_string(), &text, folder)
    }

    /// Takes the text of an experiment file that errors call `origin`.
    ///
    /// # Errors
    /// [`Error::Usage`] when a key is unknown or of the wrong type.
    pub fn text(origin: &str, text: &str, folder: &Path) -> Result<Self> {
        let keys = schema::check(text).map_err(|slip| {
            let line = slip.offset.map(|offset| format!("line {}: ", schema::line_number(text, offset)));
            Error::usage(format!("{origin}: {}{}", line.unwrap_or_default(), one_line(&slip.problem)))
        })?;
        Self { origin: origin.into(), from_flag: false, keys }.with_paths_from(folder)
    }

    /// Takes one `section.key=value` of the command line, given through `flag` (`--set`). A value that is
    /// not TOML is text: `device=tch:0` needs no quotes.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no `=`, a key is unknown or a value of the wrong type.
    pub fn flag(flag: &str, assignment: &str) -> Result<Self> {
        let origin = format!("{flag} {assignment}");
        let Some((key, value)) = assignment.split_once('=') else {
            return Err(Error::usage(format!("{origin}: expected section.key=value")));
        };
        let (key, value) = (key.trim(), value.trim());
        let quoted = format!("{key} = {}", Value::String(value.into()));
        // Bare text, and numbers where text is expected: seed=7.
        let as_text = schema::check(&quoted).ok().filter(|_| !value.starts_with(['"', '\'']));
        let parsed = as_text.map_or_else(|| schema::check(&format!("{key} = {value}")), Ok);
        let not_toml = || toml::from_str::<Table>(&format!("x = {value}")).is_err();
        let keys = match parsed {
            Err(_) if not_toml() => schema::check(&quoted),
            other => other,
        };
        let keys = keys.map_err(|slip| Error::usage(format!("{origin}: {}", one_line(&slip.problem))))?;
        Self { origin, from_flag: true, keys }.with_paths_from(Path::new(""))
    }

    /// Loads a preset by name.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no such preset; it names those there are.
    pub fn preset(name: &str) -> Result<Self> {
        let Some((_, text)) = PRESETS.iter().find(|(preset, _)| *preset == name) else {
            let known = PRESETS.map(|(preset, _)| format!("\"{preset}\"")).join(", ");
            let name = one_line(name);
            return Err(Error::usage(format!("unknown preset \"{name}\"; there are {known}")));
        };
        Self::text(&format!("preset {name}"), text, Path::new(""))
    }

    /// Makes paths absolute, so that they mean the same wherever the resolved settings are read.
    fn with_paths_from(mut self, folder: &Path) -> Result<Self> {
        if let Some(run) = self.keys.get_mut("run") {
            make_absolute(&self.origin, run, folder)?;
        }
        if let Some(Value::Table(train)) = self.keys.get_mut("train") {
            for (_, path) in train.iter_mut().filter(|(key, _)| key.ends_with("_from")) {
                make_absolute(&self.origin, path, folder)?;
            }
        }
        let mice = self.keys.get_mut("data").and_then(|data| data.get_mut("mice"));
        for mouse in mice.and_then(Value::as_array_mut).into_iter().flatten() {
            make_absolute(&self.origin, mouse, folder)?;
        }
        Ok(self)
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let mut parts = key.split('.');
        let first = self.keys.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    fn preset_named_at(&self, key: &str) -> Result<Option<Self>> {
        let Some(name) = self.get(key).and_then(Value::as_str) else { return Ok(None) };
        Self::preset(name).map(Some).map_err(|e| Error::usage(format!("{}: {e}", self.origin)))
    }
}

/// Layers in order, the later over the earlier, presets laid in where they are named.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    layers: Vec<Layer>,
}

impl Stack {
    /// Puts the chosen preset at the bottom, [`DEFAULT_PRESET`] where none is chosen, and the preset of `[reconstruction]` under the layer that
    /// names it.
    pub(super) fn new(layers: Vec<Layer>) -> Result<Self> {
        check_trial_choice(&layers)?;
        let mut all = Vec::new();
        match layers.iter().rev().find(|layer| layer.get("preset").is_some()) {
            Some(layer) => all.extend(layer.preset_named_at("preset")?),
            None => all.push(Layer::preset(DEFAULT_PRESET)?),
        }
        for layer in layers {
            if let Some(mut preset) = layer.preset_named_at("reconstruction.preset")? {
                preset.keys.retain(|section, _| section == "reconstruction");
                all.push(preset);
            }
            all.push(layer);
        }
        Ok(Self { layers: all })
    }

    /// Merges the layers into one table, from which the keys that chose presets are gone.
    pub(super) fn merged(&self) -> Table {
        let mut merged = Table::new();
        for layer in &self.layers {
            // Two ways to choose trials: the later layer's way replaces the earlier's.
            for (one, other) in [("trials", "trial_count"), ("trial_count", "trials")] {
                if layer.get(&format!("data.{one}")).is_some()
                    && let Some(Value::Table(data)) = merged.get_mut("data")
                {
                    data.remove(other);
                }
            }
            merge(&mut merged, &layer.keys);
        }
        merged.remove("preset");
        if let Some(Value::Table(reconstruction)) = merged.get_mut("reconstruction") {
            reconstruction.remove("preset");
        }
        merged
    }

    /// Names the place that set `key`; none when it is a default.
    pub(super) fn setter(&self, key: &str) -> Option<&str> {
        let set = self.layers.iter().rev().find(|layer| layer.get(key).is_some());
        set.map(|layer| layer.origin.as_str())
    }

    /// Names the place that `key` was last set at; when it was set nowhere, the file, where it can be set.
    pub(super) fn origin(&self, key: &str) -> Option<&str> {
        let file = || self.layers.iter().rev().find(|layer| !layer.from_flag);
        self.setter(key).or_else(|| file().map(|layer| layer.origin.as_str()))
    }
}

fn check_trial_choice(layers: &[Layer]) -> Result<()> {
    let both = |of: &[&Layer]| {
        let setter = |key| of.iter().find(|layer| layer.get(key).is_some());
        setter("data.trials").and(setter("data.trial_count")).map(|layer| layer.origin.clone())
    };
    let flags: Vec<&Layer> = layers.iter().filter(|layer| layer.from_flag).collect();
    let files = layers.iter().filter(|layer| !layer.from_flag).map(|layer| vec![layer]);
    for place in files.chain([flags]) {
        if let Some(origin) = both(&place) {
            let problem = "data.trials and data.trial_count are two ways to say the same; give one";
            return Err(Error::usage(format!("{origin}: {problem}")));
        }
    }
    Ok(())
}

/// Lays `over` over `under`: sections key by key, everything else whole.
fn merge(under: &mut Table, over: &Table) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}

fn make_absolute(origin: &str, path: &mut Value, folder: &Path) -> Result<()> {
    let Value::String(text) = path else { return Ok(()) };
    if text.is_empty() {
        return Err(Error::usage(format!("{origin}: the path of a folder is empty")));
    }
    let joined = folder.join(&*text);
    let absolute = std::path::absolute(&joined).map_err(Error::io(&joined))?;
    // Absolute paths go into the resolved settings, and TOML is UTF-8.
    let utf8 = absolute.to_str().ok_or_else(|| Error::invalid(&absolute, "the path is not UTF-8"))?;
    *text = utf8.to_string();
    Ok(())
}
