//! HDF5 files that need not be trusted. HDF5 believes what a file says of its sizes; here nothing is allocated
//! that the file can't hold, and files of our own carry checksums of all but the data.
//!
//! HDF5 itself is C, and some damage to what no checksum covers still ends the process in it.
//!
//! Files are opened without locks. HDF5 locks what it opens, which fails on many Lustre and NFS mounts; and a process
//! that is started meanwhile inherits the lock and holds it for as long as it runs. We need none: a file is written
//! under another name and then renamed, and is never changed after that.

use std::path::Path;

use hdf5::types::{FixedUnicode, TypeDescriptor};
use hdf5::{Container, FileBuilder, H5Type};
use ndarray::{Array, Dimension};

/// What is wrong with a file, in one line.
type Result<T> = std::result::Result<T, String>;

/// Deflate makes nothing smaller than its 1032nd part: an array that claims more is none.
const MOST_COMPRESSED: u64 = 1032;

/// Longest text of an attribute: HDF5 allows 64 KiB for one.
const LONGEST_TEXT: usize = 32 << 10;

/// A file that is read.
#[derive(Debug)]
pub struct Hdf5File {
    file: hdf5::File,
    length: u64,
}

/// Opens or creates files without locks.
pub fn unlocked() -> FileBuilder {
    let mut builder = hdf5::File::with_options();
    builder.with_fapl(|access| access.file_locking(false));
    builder
}

/// Creates a file in a form that any HDF5 since 1.8 reads and that has checksums: earlier ones have none. It does
/// not note when that was, so that equal contents are equal files.
///
/// # Errors
/// When it can't be created.
pub fn create(path: &Path) -> hdf5::Result<hdf5::File> {
    unlocked()
        .with_fcpl(|creation| creation.obj_track_times(false))
        .with_fapl(|access| access.libver_v18())
        .create(path)
}

/// Creates a group that does not note when that was.
///
/// # Errors
/// When it can't be created.
pub fn create_group(parent: &hdf5::Group, name: &str) -> hdf5::Result<hdf5::Group> {
    parent.create_group_builder().with_gcpl(|creation| creation.obj_track_times(false)).create(name)
}

/// Writes an attribute that is one text, as long as it is. Texts of variable length lie elsewhere in a file,
/// where no checksum covers them, and HDF5 can go round in circles looking for a damaged one.
///
/// # Errors
/// When it is longer than 32 KiB or can't be written.
pub fn write_text(file: &hdf5::File, name: &str, text: &str) -> hdf5::Result<()> {
    let value = text.parse::<FixedUnicode<LONGEST_TEXT>>().map_err(|e| format!("{name}: {e}"))?;
    let kind = TypeDescriptor::FixedUnicode(text.len().max(1));
    file.new_attr_builder().empty_as(&kind).shape(()).create(name)?.write_scalar(&value)
}

impl Hdf5File {
    /// Opens a file to read.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn open(path: &Path) -> Result<Self> {
        let length = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
        let file = unlocked().open(path).map_err(|e| line(&e))?;
        Ok(Self { file, length })
    }

    /// Says whether there is anything of that name.
    pub fn has(&self, name: &str) -> bool {
        self.file.link_exists(name)
    }

    /// Reads a dataset of numbers whole.
    ///
    /// # Errors
    /// When it is not there, has other axes, holds no numbers or is longer than the file.
    pub fn array<T: H5Type, D: Dimension>(&self, name: &str) -> Result<Array<T, D>> {
        let problem = |e: hdf5::Error| format!("{name}: {}", line(&e));
        let set = self.file.dataset(name).map_err(problem)?;
        check_numbers(&set).map_err(|e| format!("{name}: {e}"))?;
        let (shape, element) = (set.shape(), set.dtype().map_err(problem)?.size() as u64);
        let bytes = shape.iter().try_fold(element, |bytes, &size| bytes.checked_mul(size as u64));
        let most = if set.filters().is_empty() { 1 } else { MOST_COMPRESSED };
        let stored = set.storage_size().min(self.length).saturating_mul(most);
        if bytes.is_none_or(|bytes| bytes > stored) {
            return Err(format!("{name} of shape {shape:?} is longer than what is stored of it"));
        }
        set.read().map_err(problem)
    }

    /// Reads an attribute that is one number.
    ///
    /// # Errors
    /// When it is not there or something else.
    pub fn number<T: H5Type>(&self, name: &str) -> Result<T> {
        let problem = |e: hdf5::Error| format!("attribute {name}: {}", line(&e));
        let attribute = self.file.attr(name).map_err(problem)?;
        check_numbers(&attribute)
            .and_then(|()| check_scalar(&attribute))
            .map_err(|e| format!("{name}: {e}"))?;
        attribute.read_scalar().map_err(problem)
    }

    /// Reads an attribute that [`write_text`] wrote.
    ///
    /// # Errors
    /// When it is not there, something else, or not Unicode.
    pub fn text(&self, name: &str) -> Result<String> {
        let problem = |e: hdf5::Error| format!("attribute {name}: {}", line(&e));
        let attribute = self.file.attr(name).map_err(problem)?;
        check_scalar(&attribute).map_err(|e| format!("{name}: {e}"))?;
        match attribute.dtype().and_then(|kind| kind.to_descriptor()).map_err(problem)? {
            TypeDescriptor::FixedUnicode(length) | TypeDescriptor::FixedAscii(length)
                if length <= LONGEST_TEXT => {}
            other => return Err(format!("attribute {name} is {other}, expected text of fixed length")),
        }
        let text = attribute.read_scalar::<FixedUnicode<LONGEST_TEXT>>().map_err(problem)?;
        // HDF5 does not look whether what is called Unicode is.
        String::from_utf8(text.as_bytes().to_vec()).map_err(|_| format!("attribute {name} is not Unicode"))
    }
}

/// Says in one line what HDF5 may say in several, quoting the file.
pub fn line(error: &hdf5::Error) -> String {
    error.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Checks that there is exactly one value: where there is none, HDF5 reads none and what was to be filled stays
/// as it was.
fn check_scalar(container: &Container) -> Result<()> {
    match container.space() {
        Ok(space) if space.is_scalar() => Ok(()),
        Ok(space) => Err(format!("an array of {} values, expected one value", space.size())),
        Err(error) => Err(line(&error)),
    }
}

fn check_numbers(container: &Container) -> Result<()> {
    let kind = container.dtype().and_then(|kind| kind.to_descriptor()).map_err(|e| line(&e))?;
    match kind {
        TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_) | TypeDescriptor::Float(_) => Ok(()),
        other => Err(format!("holds {other}, expected numbers")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use hdf5::Extents;
    use hdf5::types::VarLenUnicode;
    use ndarray::{Array2, Ix1, Ix2, arr2};

    use super::*;

    /// Makes a file through `fill`, in the form that others' tools write.
    fn made(fill: impl FnOnce(&hdf5::File) -> hdf5::Result<()>) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made.h5");
        let file = hdf5::File::create(&path).unwrap();
        fill(&file).unwrap();
        file.close().unwrap();
        (folder, path)
    }

    fn refused<T: std::fmt::Debug>(found: Result<T>, words: &str) {
        let problem = found.unwrap_err();
        assert!(problem.contains(words) && !problem.chars().any(char::is_control), "{problem}");
    }

    #[test]
    fn what_was_written_is_read_back_and_bookkeeping_that_is_damaged_is_refused() {
        let (folder, _) = made(|_| Ok(()));
        let path = folder.path().join("ours.h5");
        let file = create(&path).unwrap();
        let values = arr2(&[[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        file.new_dataset_builder().with_data(&values).create("values").unwrap();
        file.new_attr::<f64>().create("rate").unwrap().write_scalar(&30.0).unwrap();
        file.close().unwrap();
        let whole = fs::read(&path).unwrap();
        let read = || -> Result<(Array2<f32>, f64)> {
            let file = Hdf5File::open(&path)?;
            Ok((file.array("values")?, file.number("rate")?))
        };
        assert_eq!(read().unwrap(), (values.clone(), 30.0));
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let data_at = whole.windows(data.len()).position(|window| window == data).unwrap();
        // The shape's bytes: 2, then 3.
        let shape = [2u64.to_le_bytes(), 3u64.to_le_bytes()].concat();
        let shape_at = whole.windows(16).position(|window| window == shape).unwrap();
        assert!(!(data_at..data_at + data.len()).contains(&shape_at));
        for at in shape_at..shape_at + 16 {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            fs::write(&path, bytes).unwrap();
            assert!(read().is_err(), "byte {at}");
        }
    }

    #[test]
    fn equal_contents_are_equal_files_whenever_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            let file = create(&path).unwrap();
            let group = create_group(&file, "group").unwrap();
            group.new_dataset_builder().with_data(&arr2(&[[1.0f32, 2.0]])).create("values").unwrap();
            write_text(&file, "settings", "equal").unwrap();
            file.close().unwrap();
            drop(group);
            fs::read(path).unwrap()
        };
        let first = write("first.h5");
        // HDF5 notes times in seconds, where it does.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert!(first == write("second.h5"));
    }

    #[test]
    fn arrays_that_are_claimed_and_not_there_are_refused_before_room_is_made_for_them() {
        // Sound files of a few kilobytes: HDF5 stores nothing of what was never written.
        let huge = 1_000_000_000usize;
        let (_folder, path) = made(|file| {
            file.new_dataset::<f32>().shape((huge, huge)).create("plain")?;
            file.new_dataset::<f32>().shape((huge, huge)).chunk((16, 16)).create("chunked")?;
            file.new_dataset::<f32>().shape((huge, huge)).chunk((16, 16)).deflate(9).create("deflated")?;
            file.new_dataset::<f32>().shape((usize::MAX / 2, 3)).chunk((1, 1)).create("overflowing").map(drop)
        });
        assert!(fs::metadata(&path).unwrap().len() < 100_000);
        let file = Hdf5File::open(&path).unwrap();
        for name in ["plain", "chunked", "deflated", "overflowing"] {
            refused(file.array::<f32, Ix2>(name), "is longer than what is stored of it");
        }
        refused(file.array::<f32, Ix2>("nothing"), "nothing: ");
    }

    #[test]
    fn compressed_arrays_are_read() {
        let values = Array2::<f32>::zeros((500, 400));
        let (_folder, path) =
            made(|file| file.new_dataset_builder().deflate(9).with_data(&values).create("values").map(drop));
        assert!(fs::metadata(&path).unwrap().len() < 100_000);
        assert_eq!(Hdf5File::open(&path).unwrap().array::<f32, Ix2>("values").unwrap(), values);
    }

    #[test]
    fn what_is_no_number_no_text_or_nothing_is_refused() {
        let text = "some text that stands in the file";
        let (_folder, path) = made(|file| {
            file.new_attr::<VarLenUnicode>().shape(Extents::Null).create("null")?;
            file.new_attr::<f64>().shape(Extents::Null).create("null number")?;
            file.new_attr::<f64>().shape(2).create("two")?;
            file.new_attr::<f64>().shape(()).create("one")?;
            file.new_dataset::<VarLenUnicode>().shape(2).create("texts")?;
            file.new_attr::<VarLenUnicode>().shape(()).create("variable")?;
            write_text(file, "empty", "")?;
            write_text(file, "text", text)
        });
        let file = Hdf5File::open(&path).unwrap();
        refused(file.text("null"), "expected one value");
        refused(file.number::<f64>("null number"), "expected one value");
        refused(file.number::<f64>("two"), "an array of 2 values");
        refused(file.text("two"), "an array of 2 values");
        refused(file.text("variable"), "expected text of fixed length");
        refused(file.text("one"), "expected text of fixed length");
        refused(file.array::<f32, Ix1>("texts"), "expected numbers");
        refused(file.number::<f64>("text"), "expected numbers");
        assert_eq!(file.text("text").unwrap(), text);
        assert_eq!(file.text("empty").unwrap(), "");
        drop(file);
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
        bytes[at] = 0xff;
        fs::write(&path, bytes).unwrap();
        refused(Hdf5File::open(&path).unwrap().text("text"), "not Unicode");
    }
}
