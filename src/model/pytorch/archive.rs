//! Opens the zip archive that `torch.save` writes and reads tensors out of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};

use zip::{CompressionMethod, ZipArchive};

use super::object::{Storage, Tensor};
use crate::model::checkpoint::{NamedTensor, floats};

/// Largest pickle that is read: DwiseNeuro's takes 60 KiB. Its objects take some 50 times as much.
const MAX_PICKLE: u64 = 4 << 20;

/// An open archive, and how much more may be read out of it.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// Folder inside the archive that holds everything.
    root: String,
    /// Storages that were read, by key: tensors may share one.
    storages: BTreeMap<String, Vec<f32>>,
    /// Bytes of storages that may still be read. All of them lie in the file, so the file bounds them; but
    /// entries of a zip may overlap.
    storages_left: u64,
    /// Bytes of tensors that may still be made. Views may overlap, so the storages are no bound.
    tensors_left: u64,
}

impl Archive {
    /// Opens an archive in `file`, `length` bytes long.
    pub(super) fn open(file: File, length: u64) -> Result<Self, String> {
        let zip = ZipArchive::new(BufReader::new(file))
            .map_err(|e| format!("is not a PyTorch checkpoint, or cut short: {e}"))?;
        if zip.has_duplicate_names() {
            return Err("holds two files of one name".into());
        }
        let mut roots = zip.file_names().filter_map(|name| {
            let root = name.ok()?.strip_suffix("/data.pkl")?.to_owned();
            (!root.contains('/')).then_some(root)
        });
        let root = roots.next().ok_or("is a zip archive, but holds no data.pkl of PyTorch")?;
        if roots.next().is_some() {
            return Err("holds more than one data.pkl".into());
        }
        drop(roots);
        let mut archive =
            Self { zip, root, storages: BTreeMap::new(), storages_left: length, tensors_left: length };
        archive.check_byte_order()?;
        Ok(archive)
    }

    /// Reads `data.pkl`.
    pub(super) fn pickle(&mut self) -> Result<Vec<u8>, String> {
        self.entry("data.pkl", None, MAX_PICKLE)
    }

    /// Reads the values of a tensor of floats.
    pub(super) fn tensor(&mut self, tensor: &Tensor) -> Result<NamedTensor, String> {
        let count = checked_count(tensor)?;
        let bytes = (count as u64).checked_mul(4);
        self.tensors_left = bytes
            .and_then(|bytes| self.tensors_left.checked_sub(bytes))
            .ok_or_else(|| format!("shape {:?} holds more than the file does", tensor.shape))?;
        let storage = self.storage(&tensor.storage)?;
        Ok(NamedTensor { shape: tensor.shape.clone(), values: gather(tensor, storage, count) })
    }

    /// Archives older than PyTorch 2.1 don't say; PyTorch takes them for little-endian, and so do we.
    fn check_byte_order(&mut self) -> Result<(), String> {
        if self.zip.index_for_name(&format!("{}/byteorder", self.root)).is_none() {
            return Ok(());
        }
        match self.entry("byteorder", None, 16)?.trim_ascii() {
            b"little" => Ok(()),
            _ => Err("its byteorder is not little".into()),
        }
    }

    fn storage(&mut self, storage: &Storage) -> Result<&[f32], String> {
        if !self.storages.contains_key(storage.key) {
            let name = format!("data/{}", storage.key);
            let expected = (storage.length as u64).checked_mul(4).ok_or("a storage is too large")?;
            let bytes = self.entry(&name, Some(expected), self.storages_left)?;
            self.storages_left -= expected;
            self.storages.insert(storage.key.to_owned(), floats(&bytes));
        }
        let values = &self.storages[storage.key];
        if values.len() != storage.length {
            let (found, other) = (storage.length, values.len());
            return Err(format!("storage {} has {found} elements here and {other} elsewhere", storage.key));
        }
        Ok(values)
    }

    /// Reads one file of the archive, of at most `limit` bytes, and checks its checksum.
    fn entry(&mut self, name: &str, expected: Option<u64>, limit: u64) -> Result<Vec<u8>, String> {
        let full = format!("{}/{name}", self.root);
        let index = self.zip.index_for_name(&full).ok_or_else(|| format!("holds no {name}"))?;
        // Before opening it, which would already set a decompressor up.
        let about = self.zip.by_index_data(index).map_err(|e| format!("{name}: {e}"))?;
        if about.compression() != CompressionMethod::Stored || about.encrypted() {
            return Err(format!("{name} is compressed or encrypted, which torch.save never does"));
        }
        let size = about.size();
        if expected.is_some_and(|expected| expected != size) {
            return Err(format!("{name} takes {size} bytes, expected {}", expected.unwrap_or_default()));
        }
        if size > limit || about.compressed_size() != size {
            return Err(format!("{name} claims {size} bytes, more than there can be"));
        }
        let entry = self.zip.by_index(index).map_err(|e| format!("{name}: {e}"))?;
        let mut bytes = Vec::new();
        // One byte more than there should be, so that the end is seen and with it the checksum.
        entry.take(size + 1).read_to_end(&mut bytes).map_err(|e| format!("{name}: {e}"))?;
        if bytes.len() as u64 != size {
            return Err(format!("{name} is cut short: {} bytes of {size}", bytes.len()));
        }
        Ok(bytes)
    }
}

/// Counts the elements of a view, after checking that all of them lie in its storage.
fn checked_count(tensor: &Tensor) -> Result<usize, String> {
    let outside = || {
        let Tensor { storage, offset, shape, strides } = tensor;
        let length = storage.length;
        format!("shape {shape:?}, strides {strides:?} at {offset} leave its storage of {length} elements")
    };
    let count = tensor.shape.iter().try_fold(1usize, |n, size| n.checked_mul(*size)).ok_or_else(outside)?;
    if count == 0 {
        return Ok(0);
    }
    let steps = tensor.shape.iter().zip(&tensor.strides).try_fold(tensor.offset, |place, (size, stride)| {
        // The last element of this axis; sizes are at least 1 here.
        (size - 1).checked_mul(*stride).and_then(|step| place.checked_add(step))
    });
    match steps {
        Some(last) if last < tensor.storage.length => Ok(count),
        _ => Err(outside()),
    }
}

/// Copies the `count` elements of a checked view, row-major.
fn gather(tensor: &Tensor, storage: &[f32], count: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(count);
    let mut index = vec![0; tensor.shape.len()];
    let mut place = tensor.offset;
    for _ in 0..count {
        values.push(storage[place]);
        // To the next element: the last axis fastest.
        for axis in (0..index.len()).rev() {
            if index[axis] + 1 < tensor.shape[axis] {
                index[axis] += 1;
                place += tensor.strides[axis];
                break;
            }
            // Back to the start of this axis. The stride of an axis of length 1 may be anything, so no step
            // may be taken that was not checked.
            place -= tensor.strides[axis] * index[axis];
            index[axis] = 0;
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::super::object::Element;
    use super::*;

    fn view(length: usize, offset: usize, shape: &[usize], strides: &[usize]) -> Tensor<'static> {
        let storage = Storage { element: Element::Float, key: "0", length };
        Tensor { storage, offset, shape: shape.to_vec(), strides: strides.to_vec() }
    }

    fn read(tensor: &Tensor) -> Result<Vec<f32>, String> {
        let storage: Vec<f32> = (0..tensor.storage.length).map(|value| value as f32).collect();
        Ok(gather(tensor, &storage, checked_count(tensor)?))
    }

    #[test]
    fn strides_are_followed() {
        assert_eq!(read(&view(6, 0, &[2, 3], &[3, 1])).unwrap(), [0., 1., 2., 3., 4., 5.]);
        assert_eq!(read(&view(6, 0, &[3, 2], &[1, 3])).unwrap(), [0., 3., 1., 4., 2., 5.]);
        assert_eq!(read(&view(6, 4, &[2], &[1])).unwrap(), [4., 5.]);
        assert_eq!(read(&view(6, 1, &[2, 2], &[0, 2])).unwrap(), [1., 3., 1., 3.]);
        assert_eq!(read(&view(6, 5, &[], &[])).unwrap(), [5.]);
        assert_eq!(read(&view(6, 1, &[2, 1], &[3, usize::MAX])).unwrap(), [1., 4.]);
        assert_eq!(read(&view(0, 9, &[0, 4], &[4, 1])).unwrap(), [0f32; 0]);
    }

    #[test]
    fn views_that_leave_their_storage_are_refused() {
        let huge = usize::MAX;
        for tensor in [
            view(6, 0, &[7], &[1]),
            view(6, 1, &[2, 3], &[3, 1]),
            view(6, 6, &[], &[]),
            view(6, 0, &[2], &[huge]),
            view(6, huge, &[2], &[1]),
            view(6, 0, &[huge, huge], &[0, 0]),
            view(6, 0, &[3], &[huge / 2 + 1]),
        ] {
            let problem = read(&tensor).unwrap_err();
            assert!(problem.contains("storage of 6 elements"), "{problem}");
        }
    }
}
