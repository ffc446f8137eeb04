//! Where a member's training stands, in one file, so that a training that was killed goes on and ends with
//! the same bytes.
//!
//! The file is safetensors: weights with batch norm's buffers, their average and AdamW's moments, and in its
//! header the rest as JSON with a hash over everything. It is read as untrusted input.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::{Deserialize, Serialize};

use super::adamw::FlatTensors;
use super::member::EpochMetrics;
use super::trainer::TrainerPosition;
use crate::atomic;
use crate::error::{Error, Result};
use crate::model::checkpoint::{NamedTensor, Tensors, floats, read_layout};
use crate::model::tensors;

/// Key of the header's metadata that holds ours.
const HEADER_KEY: &str = "v1reel-training";
/// Version of what stands under [`HEADER_KEY`] and of the tensors' names.
const FORMAT: u32 = 1;
/// Name of the text in the hash; no tensor is called so.
const STANDING: &str = "standing";
/// Longest text of a damaged file that is quoted.
const LONGEST: usize = 300;

/// Where a training stands, but for its tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Hash of all that the weights depend on.
    pub settings: String,
    /// Epochs done.
    pub epoch: usize,
    /// Batches of the running epoch that are done.
    pub batch: usize,
    /// Their losses.
    pub losses: Vec<f32>,
    /// What was found at the ends of the epochs.
    pub metrics: Vec<EpochMetrics>,
    /// Where the trainer stands.
    pub trainer: TrainerPosition,
}

/// What became of a state that was to be saved.
#[derive(Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is on disk.
    Whole,
    /// It is not worth going on from, and the file is as it was: this tensor holds infinities or NaN.
    NotFinite(String),
}

/// What stands under [`HEADER_KEY`].
#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    /// Over the text of `standing` and all tensors.
    hash: String,
    standing: String,
}

/// Names the file in a member's folder.
pub fn path(member: &Path) -> PathBuf {
    member.join("resume").join("state.safetensors")
}

/// Removes half-written states of killed processes: at full size each takes hundreds of megabytes.
///
/// # Errors
/// [`Error::Io`] when they are there and can't be removed.
pub fn clear_leftovers(member: &Path) -> Result<()> {
    let folder = member.join("resume");
    if folder.exists() { atomic::clear_leftovers(&folder) } else { Ok(()) }
}

/// Removes the file of a member, once nobody goes on from it any more.
///
/// # Errors
/// [`Error::Io`] when it is there and can't be removed.
pub fn remove(member: &Path) -> Result<()> {
    let folder = member.join("resume");
    if folder.exists() { fs::remove_dir_all(&folder).map_err(Error::io(&folder)) } else { Ok(()) }
}

/// Writes `path`, whole or not at all, one tensor after the other: a copy of them all could be more than
/// there is memory for.
///
/// # Errors
/// [`Error::Io`] when it can't be written; what was there before stays.
pub fn write(path: &Path, standing: &Standing, tensors: &FlatTensors) -> Result<Saved> {
    let failed = |e: serde_json::Error| Error::Failed(format!("{}: {e}", path.display()));
    let standing = serde_json::to_string(standing).map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    hash_part(&mut hasher, STANDING, standing.as_bytes());
    for (name, (_, tensor)) in tensors {
        let values = tensors::values(tensor.clone());
        if values.iter().any(|value| !value.is_finite()) {
            return Ok(Saved::NotFinite(name.clone()));
        }
        hash_part(&mut hasher, name, &bytes(&values));
    }
    let header = Header { format: FORMAT, hash: hasher.finalize().to_hex().to_string(), standing };
    let header = serde_json::to_string(&header).map_err(failed)?;
    let layout = layout(tensors, header).map_err(|e| Error::Failed(format!("{}: {e}", path.display())))?;
    let mut layout = serde_json::to_vec(&layout).map_err(failed)?;
    // The tensors' bytes start at a multiple of eight, as safetensors asks.
    layout.resize(layout.len().next_multiple_of(8), b' ');
    atomic::write_file(path, |temporary| stream(temporary, &layout, tensors).map_err(Error::io(path)))?;
    Ok(Saved::Whole)
}

/// Describes the tensors one behind the other, in the order of their names.
fn layout(tensors: &FlatTensors, header: String) -> Result<Metadata, SafeTensorError> {
    let mut end = 0;
    let info = |(name, (shape, _)): (&String, &(Vec<usize>, _))| {
        let start = end;
        end += shape.iter().product::<usize>() * size_of::<f32>();
        (name.clone(), TensorInfo { dtype: Dtype::F32, shape: shape.clone(), data_offsets: (start, end) })
    };
    let infos = tensors.iter().map(info).collect();
    Metadata::new(Some(HashMap::from([(HEADER_KEY.to_owned(), header)])), infos)
}

fn stream(path: &Path, layout: &[u8], tensors: &FlatTensors) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&(layout.len() as u64).to_le_bytes())?;
    file.write_all(layout)?;
    for (_, tensor) in tensors.values() {
        file.write_all(&bytes(&tensors::values(tensor.clone())))?;
    }
    file.flush()
}

/// Reads what [`write`] wrote.
///
/// # Errors
/// [`Error::Io`] when it can't be read; [`Error::Invalid`], saying what to do, when it is damaged or of
/// another version. Whether the tensors are those of an encoder is seen when they are used.
pub fn read(path: &Path) -> Result<(Standing, Tensors)> {
    let file = File::open(path).map_err(Error::io(path))?;
    let length = file.metadata().map_err(Error::io(path))?.len();
    read_from(BufReader::new(file), length).map_err(|problem| damaged(path, &problem))
}

/// Says that the state can't be gone on from, and what to do.
pub fn damaged(path: &Path, problem: &str) -> Error {
    // Escaped, because it may quote the file.
    let problem: String = problem.chars().flat_map(char::escape_default).take(LONGEST).collect();
    let advice = "delete it to train this member from the start";
    Error::invalid(path, format!("the saved state of the training is damaged: {problem}; {advice}"))
}

fn read_from(mut file: impl Read, length: u64) -> Result<(Standing, Tensors), String> {
    let layout = read_layout(&mut file, length)?;
    let header = layout.metadata().as_ref().and_then(|metadata| metadata.get(HEADER_KEY));
    let header: Header = serde_json::from_str(header.ok_or(format!("it has no {HEADER_KEY}"))?)
        .map_err(|e| format!("its {HEADER_KEY} can't be read: {e}"))?;
    if header.format != FORMAT {
        return Err(format!("it has format {}, this v1reel reads format {FORMAT}", header.format));
    }
    let mut hasher = blake3::Hasher::new();
    hash_part(&mut hasher, STANDING, header.standing.as_bytes());
    let mut tensors = Tensors::new();
    // In the order of the file, which the layout's check made gapless and as long as the file.
    for name in layout.offset_keys() {
        let Some(info) = layout.info(&name).filter(|info| info.dtype == Dtype::F32) else {
            return Err(format!("tensor {name} is not F32"));
        };
        let mut bytes = vec![0; info.data_offsets.1 - info.data_offsets.0];
        file.read_exact(&mut bytes).map_err(|e| format!("tensor {name}: {e}"))?;
        hash_part(&mut hasher, &name, &bytes);
        tensors.insert(name, NamedTensor { shape: info.shape.clone(), values: floats(&bytes) });
    }
    if hasher.finalize().to_hex().as_str() != header.hash {
        return Err("its contents are not those that were saved".into());
    }
    let standing = serde_json::from_str(&header.standing).map_err(|e| format!("it can't be read: {e}"))?;
    Ok((standing, tensors))
}

/// Hashes one named part; its length first, so that no two contents run together alike.
fn hash_part(hasher: &mut blake3::Hasher, name: &str, bytes: &[u8]) {
    for part in [name.as_bytes(), bytes] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
