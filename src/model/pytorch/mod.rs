//! Reads the tensors of a published PyTorch checkpoint (`.pth`) and runs nothing of it.
//!
//! A `.pth` is a pickle in a zip archive, and a pickle may call any Python function. The reader here
//! accepts `OrderedDict`, `_rebuild_tensor_v2`, Float and Long storages and plain values, and stops at
//! anything else by name. burn-store's reader runs nothing either, but it was made to load whatever it
//! can: calls of foreign functions are skipped as opaque values, compressed entries are inflated, a tensor
//! may take 10 GiB whatever the size of its file, and five more formats are understood. A file that calls
//! `os.system` should be reported, not loaded; the few instructions that an encoder needs fit in one file.

mod archive;
mod names;
mod object;
mod pickle;
mod value;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use self::archive::Archive;
use self::object::{Element, Id, Object, Objects};
pub use self::value::Value;
use super::ModelConfig;
use super::checkpoint::{Checkpoint, NamedTensor, Tensors, config_from_json};
use super::layout::expected_tensors;
use super::problem::{check_shapes, check_values, invalid};
use crate::error::{Error, Result};

/// What a published checkpoint holds, in its own names and shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct PytorchCheckpoint {
    /// Class of the model.
    pub model_name: String,
    /// Settings it was made with.
    pub params: Value,
    /// Its tensors of floats. Those of integers count batches, which nothing depends on.
    pub tensors: Tensors,
    /// The file it came from, for messages.
    source: PathBuf,
}

/// Reads a `.pth` file; it need not be trusted.
///
/// # Errors
/// [`Error::Io`] when it can't be opened, [`Error::Invalid`] when it is not a checkpoint, is damaged, claims
/// more than it holds, or names a function or type that a checkpoint of tensors does not need.
pub fn read(path: &Path) -> Result<PytorchCheckpoint> {
    let file = File::open(path).map_err(Error::io(path))?;
    let about = file.metadata().map_err(Error::io(path))?;
    if !about.is_file() {
        return Err(invalid(path, "is not a file"));
    }
    read_file(file, about.len(), path).map_err(|problem| invalid(path, &problem))
}

fn read_file(file: File, length: u64, path: &Path) -> Result<PytorchCheckpoint, String> {
    let mut archive = Archive::open(file, length)?;
    let pickle = archive.pickle()?;
    let objects = pickle::read_pickle(&pickle)?;
    let field = |key: &str| objects.get(objects.root, key).ok_or_else(|| format!("holds no {key}"));
    let model_name = field("model_name")?;
    let model_name = objects.text(model_name).ok_or("its model_name is not a str")?.to_owned();
    let params = objects.value(field("params")?).map_err(|problem| format!("params: {problem}"))?;
    let tensors = read_tensors(&mut archive, &objects, field("nn_state_dict")?)?;
    Ok(PytorchCheckpoint { model_name, params, tensors, source: path.to_path_buf() })
}

fn read_tensors(archive: &mut Archive, objects: &Objects, state: Id) -> Result<Tensors, String> {
    let items = objects.items(state).ok_or("its nn_state_dict is not a dict")?;
    let mut tensors = Tensors::new();
    for (key, value) in items {
        let name = objects.text(*key).ok_or("a key of nn_state_dict is not a str")?;
        let Object::Tensor(tensor) = &objects.arena[*value] else {
            return Err(format!("{name} is {}, expected a tensor", objects.arena[*value].kind()));
        };
        if tensor.storage.element == Element::Long {
            if name.ends_with(".num_batches_tracked") {
                continue;
            }
            return Err(format!("tensor {name} holds integers, expected floats"));
        }
        let tensor = archive.tensor(tensor).map_err(|problem| format!("tensor {name}: {problem}"))?;
        check_values(name, &tensor.values)?;
        if tensors.insert(name.to_owned(), tensor).is_some() {
            return Err(format!("tensor {name} stands twice in nn_state_dict"));
        }
    }
    Ok(tensors)
}

impl PytorchCheckpoint {
    /// Reads the sizes of the encoder, which stand in `params.nn_module`, and checks them.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the model is not DwiseNeuro, or a size is missing, unknown or impossible.
    pub fn config(&self) -> Result<ModelConfig> {
        self.read_config().map_err(|problem| invalid(&self.source, &problem))
    }

    fn read_config(&self) -> Result<ModelConfig, String> {
        let module = self.params.get("nn_module").ok_or("params holds no nn_module")?;
        match module.at(0).and_then(Value::as_str) {
            Some("dwiseneuro") => {}
            Some(other) => return Err(format!("nn_module is {other}, expected dwiseneuro")),
            None => return Err("params.nn_module names no model".into()),
        }
        let sizes = module.at(1).ok_or("params.nn_module holds no sizes")?;
        config_from_json(sizes.to_json()).map_err(|problem| format!("params.nn_module: {problem}"))
    }

    /// Renames and reshapes the tensors to ours. The settings are kept as notes.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names the PyTorch key and the shapes found and expected when a tensor is
    /// missing or misshapen, and the keys that should not be there; see also
    /// [`PytorchCheckpoint::config`].
    pub fn into_checkpoint(mut self) -> Result<Checkpoint> {
        let config = self.config()?;
        let fail = |problem: String| invalid(&self.source, &problem);
        let mut wanted = BTreeMap::new();
        let mut published = BTreeMap::new();
        for (name, shape) in expected_tensors(&config) {
            let (key, published_shape) = names::published(&name, &shape)
                .ok_or_else(|| fail(format!("tensor {name} has no counterpart in PyTorch")))?;
            published.insert(key.clone(), published_shape);
            wanted.insert(key, (name, shape));
        }
        let found = self.tensors.iter().map(|(key, tensor)| (key.as_str(), tensor.shape.as_slice()));
        check_shapes(&found.collect(), &published).map_err(fail)?;
        let mut tensors = Tensors::new();
        for (key, tensor) in std::mem::take(&mut self.tensors) {
            // All keys are wanted: they were just checked.
            if let Some((name, shape)) = wanted.remove(&key) {
                tensors.insert(name, NamedTensor { shape, values: tensor.values });
            }
        }
        Ok(Checkpoint::new(config, self.notes(), tensors).with_source(&self.source))
    }

    fn notes(&self) -> BTreeMap<String, String> {
        let file = self.source.file_name().unwrap_or_default().to_string_lossy().into_owned();
        BTreeMap::from([
            ("imported_from".to_owned(), file),
            ("pytorch_model_name".to_owned(), self.model_name.clone()),
            ("pytorch_params".to_owned(), self.params.to_json().to_string()),
        ])
    }
}
