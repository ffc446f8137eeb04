//! Keeps an encoder in one safetensors file, with its sizes inside, so that the file alone rebuilds it.
//!
//! A checkpoint is read as untrusted input: no tensor is allocated before the header, the
//! configuration in it and the length of the file agree.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, Metadata, View, serialize};
use serde::{Deserialize, Serialize};

use super::ModelConfig;
use super::layout::expected_tensors;
use super::problem::{check_shapes, check_values, invalid, missing, surplus};
use crate::atomic;
use crate::error::{Error, Result, one_line};

/// Key of the header's metadata that holds ours.
const HEADER_KEY: &str = "v1reel";
/// Version of what stands under [`HEADER_KEY`] and of the tensors' names.
const FORMAT: u32 = 1;
/// Longest header that is read: DwiseNeuro's takes 40 KiB.
const MAX_HEADER: u64 = 16 << 20;

/// One named array of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Its axes, slow to fast.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// The arrays of a checkpoint by name.
pub type Tensors = BTreeMap<String, NamedTensor>;

/// An encoder at rest: its sizes, its numbers, and notes on where they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Sizes of the encoder.
    pub config: ModelConfig,
    /// Notes, by name; nothing in v1reel depends on them.
    pub metadata: BTreeMap<String, String>,
    /// The arrays that [`expected_tensors`] lists.
    pub tensors: Tensors,
    /// The file it came from, for messages.
    source: Option<PathBuf>,
}

/// What stands under [`HEADER_KEY`]: one JSON object, because safetensors writes the keys of its
/// metadata in random order and equal checkpoints must be equal files.
#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    config: serde_json::Value,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Makes a checkpoint of arrays that come from no file.
    pub fn new(config: ModelConfig, metadata: BTreeMap<String, String>, tensors: Tensors) -> Self {
        Self { config, metadata, tensors, source: None }
    }

    /// Says in messages that the arrays come from `path`.
    pub(super) fn with_source(mut self, path: &Path) -> Self {
        self.source = Some(path.to_path_buf());
        self
    }

    /// Writes `path` as safetensors, whole or not at all. Equal checkpoints give equal bytes.
    ///
    /// # Errors
    /// [`Error::Io`], or what [`Checkpoint::read`] would say of the file: a missing, misshapen or surplus
    /// tensor, a value that is not finite, sizes that don't fit together.
    pub fn write(&self, path: &Path) -> Result<()> {
        self.check()?;
        let config = serde_json::to_value(&self.config).map_err(|e| self.error(e.to_string()))?;
        let header = Header { format: FORMAT, config, metadata: self.metadata.clone() };
        let header = serde_json::to_string(&header).map_err(|e| self.error(e.to_string()))?;
        let views = self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
        let bytes = serialize(views, Some(HashMap::from([(HEADER_KEY.to_owned(), header)])))
            .map_err(|e| self.error(e.to_string()))?;
        atomic::write_bytes(path, &bytes)
    }

    /// Reads a checkpoint that [`Checkpoint::write`] wrote and checks all of it.
    ///
    /// # Errors
    /// [`Error::Io`] when `path` can't be read, [`Error::Invalid`] when it is not such a checkpoint, is cut
    /// short, has another version, or holds tensors that its sizes do not call for.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        let about = file.metadata().map_err(Error::io(path))?;
        if !about.is_file() {
            return Err(invalid(path, "is not a file"));
        }
        let mut reader = BufReader::new(file);
        let layout = read_layout(&mut reader, about.len()).map_err(|problem| invalid(path, &problem))?;
        let (config, metadata) = read_header(&layout).map_err(|problem| invalid(path, &problem))?;
        check_layout(&layout, &config).map_err(|problem| invalid(path, &problem))?;
        let mut tensors = Tensors::new();
        // In the order of the file, which the header's check made gapless.
        for name in layout.offset_keys() {
            let Some(info) = layout.info(&name) else { continue };
            let mut bytes = vec![0; info.data_offsets.1 - info.data_offsets.0];
            reader.read_exact(&mut bytes).map_err(Error::io(path))?;
            let values = floats(&bytes);
            check_values(&name, &values).map_err(|problem| invalid(path, &problem))?;
            tensors.insert(name, NamedTensor { shape: info.shape.clone(), values });
        }
        Ok(Self { config, metadata, tensors, source: Some(path.to_path_buf()) })
    }

    /// Takes tensor `name`, with the shape that [`Checkpoint::check`] compared with the sizes.
    ///
    /// # Errors
    /// Names the file and the key, and the nearest key there is.
    pub fn take(&mut self, name: &str) -> Result<NamedTensor> {
        self.tensors.remove(name).ok_or_else(|| {
            let expected = expected_tensors(&self.config).remove(name).unwrap_or_default();
            self.error(missing(name, &expected, self.tensors.keys().map(String::as_str)))
        })
    }

    /// Checks the sizes, and names, shapes and values against them.
    ///
    /// # Errors
    /// Names the file and the first thing that is wrong.
    pub fn check(&self) -> Result<()> {
        self.config.validate()?;
        self.check_tensors().map_err(|problem| self.error(problem))
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// Names tensors that nobody took: the file is of another encoder than the reader thought.
    pub fn finish(self) -> Result<()> {
        surplus(self.tensors.keys().map(String::as_str)).map_or(Ok(()), |problem| Err(self.error(problem)))
    }

    /// Checks names, shapes and values against the configuration.
    pub(super) fn check_tensors(&self) -> Result<(), String> {
        let shapes = self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shape.as_slice()));
        check_shapes(&shapes.collect(), &expected_tensors(&self.config))?;
        for (name, tensor) in &self.tensors {
            let expected: usize = tensor.shape.iter().product();
            if tensor.values.len() != expected {
                return Err(format!("tensor {name} has {} values, expected {expected}", tensor.values.len()));
            }
            check_values(name, &tensor.values)?;
        }
        Ok(())
    }

    fn error(&self, problem: String) -> Error {
        match &self.source {
            Some(path) => invalid(path, &problem),
            None => Error::Failed(format!("checkpoint: {}", one_line(&problem))),
        }
    }
}

impl View for &NamedTensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>().into()
    }

    fn data_len(&self) -> usize {
        self.values.len() * size_of::<f32>()
    }
}

/// Reads the safetensors header and checks that it describes a file of `length` bytes.
pub(crate) fn read_layout(reader: &mut impl Read, length: u64) -> Result<Metadata, String> {
    let mut prefix = [0; 8];
    reader.read_exact(&mut prefix).map_err(|_| format!("is {length} bytes long: not a checkpoint"))?;
    if prefix.starts_with(b"PK") {
        return Err("looks like a PyTorch checkpoint: run `v1reel import` on it first".into());
    }
    let header_length = u64::from_le_bytes(prefix);
    if header_length > MAX_HEADER {
        return Err(format!("is not safetensors: its header would take {header_length} bytes"));
    }
    let body = length.saturating_sub(8 + header_length);
    if length < 8 + header_length {
        return Err(format!("is cut short: {length} bytes, of which the header takes {header_length}"));
    }
    let mut header = vec![0; header_length as usize];
    reader.read_exact(&mut header).map_err(|e| format!("can't read the header: {e}"))?;
    let layout: Metadata =
        serde_json::from_slice(&header).map_err(|e| format!("is not safetensors: bad header: {e}"))?;
    if layout.data_len() as u64 != body {
        let found = layout.data_len();
        return Err(format!("has {body} bytes of tensors, but its header describes {found}: cut short?"));
    }
    Ok(layout)
}

/// Reads our part of the safetensors header.
fn read_header(layout: &Metadata) -> Result<(ModelConfig, BTreeMap<String, String>), String> {
    let text = layout
        .metadata()
        .as_ref()
        .and_then(|metadata| metadata.get(HEADER_KEY))
        .ok_or("is safetensors, but not a checkpoint of v1reel: no `v1reel` in its metadata")?;
    // The version alone first: another version may say everything else differently.
    let header: serde_json::Value = serde_json::from_str(text).map_err(|e| format!("bad `v1reel`: {e}"))?;
    match header.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) => return Err(format!("has format {format}; this v1reel reads format {FORMAT}")),
        None => return Err("has no format version".into()),
    }
    let header: Header = serde_json::from_value(header).map_err(|e| format!("bad `v1reel`: {e}"))?;
    Ok((config_from_json(header.config)?, header.metadata))
}

/// Settings that came later: a file without them was written before they were there, and has the published
/// form, which is their default.
const LATER: [&str; 2] = ["readout", "causal"];

/// Reads the sizes of an encoder, each of which must be there: a default would be a guess.
pub(super) fn config_from_json(value: serde_json::Value) -> Result<ModelConfig, String> {
    let default = serde_json::to_value(ModelConfig::default()).map_err(|e| e.to_string())?;
    let fields = default.as_object().into_iter().flat_map(|fields| fields.keys());
    for field in fields {
        if value.get(field).is_none() && !LATER.contains(&field.as_str()) {
            return Err(format!("the model's sizes lack {field}"));
        }
    }
    let config: ModelConfig = serde_json::from_value(value).map_err(|e| format!("bad model sizes: {e}"))?;
    config.validate().map_err(|e| e.to_string())?;
    Ok(config)
}

/// Checks what the header says of the tensors, before any is read.
fn check_layout(layout: &Metadata, config: &ModelConfig) -> Result<(), String> {
    let tensors: BTreeMap<_, _> = layout.tensors().into_iter().collect();
    if let Some((name, info)) = tensors.iter().find(|(_, info)| info.dtype != Dtype::F32) {
        return Err(format!("tensor {name} is {:?}, expected F32", info.dtype));
    }
    let shapes = tensors.iter().map(|(name, info)| (name.as_str(), info.shape.as_slice()));
    check_shapes(&shapes.collect(), &expected_tensors(config))
}

/// Reads little-endian f32; bytes beyond the last whole one are left out.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<4>();
    values.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
