//! Says of every setting of an experiment where it was set: in the file, by a flag, in a preset, or nowhere.

use std::path::Path;

use super::layer::Stack;
use super::{Experiment, layers, schema, stem};
use crate::error::{Result, one_line};

/// Writes every setting of the experiment at `path` as an experiment file, behind each the place that set it.
///
/// # Errors
/// Those of [`Experiment::load`].
pub fn annotated(path: &Path, overrides: &[String]) -> Result<String> {
    let layers = layers(path, overrides)?;
    let stack = Stack::new(layers.clone())?;
    let settings = Experiment::resolve(layers, stem(path))?.to_toml();
    let mut section = String::new();
    let mut lines = Vec::new();
    for line in settings.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_string();
        }
        // What was written here has one key a line.
        let key = line.split_once(" = ").filter(|_| !line.starts_with('['));
        let origin = key.map(|(key, _)| stack.setter(&schema::join(&section, key)).unwrap_or("default"));
        lines.push((line, origin));
    }
    // Long lists would push all comments off the screen.
    let width =
        lines.iter().map(|(line, _)| line.chars().count()).filter(|&width| width <= 48).max().unwrap_or(0);
    let shown = lines.into_iter().map(|(line, origin)| match origin {
        Some(origin) => format!("{line:width$}  # {}\n", one_line(origin)),
        None => format!("{line}\n"),
    });
    Ok(shown.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_shown_with_the_place_that_set_it_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("first.toml");
        let text = "preset = \"demo\"\n[data]\nmice = [\"m\"]\n[train]\nbatch_size = 5\n\
                    [reconstruction]\npreset = \"paper\"\n";
        std::fs::write(&path, text).unwrap();
        let shown = annotated(&path, &["train.warmup_epochs=2".into()]).unwrap();
        let line = |start: &str| {
            let line = shown.lines().find(|line| line.starts_with(start));
            line.unwrap_or_else(|| panic!("{start}: {shown}")).to_string()
        };
        assert!(line("batch_size = 5 ").ends_with("first.toml"));
        assert!(line("warmup_epochs = 2 ").ends_with("# --set train.warmup_epochs=2"));
        assert!(line("epoch_samples = ").ends_with("# preset demo"));
        assert!(line("stride = 8 ").ends_with("# preset paper"));
        assert!(line("weight_decay = ").ends_with("# default"));
        assert!(line("name = \"first\"").ends_with("# default"));
        let again = folder.path().join("again.toml");
        std::fs::write(&again, &shown).unwrap();
        let expected = Experiment::load(&path, &["train.warmup_epochs=2".into()]).unwrap();
        assert_eq!(Experiment::load(&again, &[]).unwrap(), expected);
    }
}
