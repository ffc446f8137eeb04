//! One damaged file at a time: made from the number of the case, read, and what came of it judged.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rand::Rng;
use v1reel::seed;

use super::super::allocation::asked;
use super::damage::damage;
use super::readers::{self, Reader};

/// Most that a reader may ask for at once beside what the file is long: tables, buffers, messages.
const AT_ONCE: usize = 1 << 20;
/// Times the file's length, likewise: a growing list of small objects asks for their doubled sum.
const AT_ONCE_TIMES: usize = 16;
/// Most that a reader may ask for in all, likewise.
const IN_ALL: usize = 8 << 20;
/// Times the file's length, likewise: text becomes tables, is quoted, and is parsed again.
const IN_ALL_TIMES: usize = 64;

/// A folder with readers to try.
pub struct Workbench {
    folder: tempfile::TempDir,
    /// This thread alone, so that all that is asked for is counted.
    pool: rayon::ThreadPool,
    /// What there is to try.
    pub readers: Vec<Reader>,
}

impl Workbench {
    /// Writes a valid file for each reader.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let readers = readers::all(folder.path());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        Self { folder, pool: pool.expect("a pool of this thread"), readers }
    }

    /// Reads the file that is as it should be.
    ///
    /// # Errors
    /// What the reader says.
    pub fn read_whole(&self, reader: &Reader) -> v1reel::error::Result<()> {
        (reader.read)(self.folder.path())
    }

    /// Damages a file of `reader` in a way that `number` alone decides, and reads it. Says whether it was
    /// accepted.
    ///
    /// # Errors
    /// Says what the reader did that it must not do.
    pub fn try_case(&self, reader: &Reader, number: u64) -> Result<bool, String> {
        let path = self.folder.path().join(reader.file);
        let bytes = damaged(reader, number);
        replace(&path, &bytes).map_err(|e| e.to_string())?;
        let read = AssertUnwindSafe(|| self.pool.install(|| (reader.read)(self.folder.path())));
        let (result, asked) = asked(|| catch_unwind(read));
        replace(&path, &reader.corpus[0]).map_err(|e| e.to_string())?;
        let result = result.map_err(|_| "it panicked".to_string())?;
        let largest = AT_ONCE + AT_ONCE_TIMES * bytes.len();
        let most = IN_ALL + IN_ALL_TIMES * bytes.len();
        if asked.largest > largest || asked.total > most {
            return Err(format!("it asked for memory: {asked:?}, {} bytes of file", bytes.len()));
        }
        match result {
            Ok(()) => Ok(true),
            Err(error) => judge(&error.to_string(), self.folder.path()).map(|()| false),
        }
    }
}

/// Writes a file anew: where one is overwritten, some file systems wait for the disk.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::remove_file(path)?;
    fs::write(path, bytes)
}

/// Makes the file of a case.
pub fn damaged(reader: &Reader, number: u64) -> Vec<u8> {
    let mut rng = seed::stream("damaged files", reader.name, &[&number.to_string()]);
    let mut bytes = reader.corpus[rng.random_range(0..reader.corpus.len())].clone();
    match &reader.inside {
        Some(inside) if rng.random() => {
            let others: Vec<Vec<u8>> = reader.corpus.iter().map(|file| (inside.take)(file)).collect();
            let mut part = (inside.take)(&bytes);
            damage(&mut rng, &mut part, &others);
            bytes = (inside.put)(&bytes, part);
        }
        _ => damage(&mut rng, &mut bytes, &reader.corpus),
    }
    bytes
}

/// A refusal names the file, in one line.
fn judge(message: &str, folder: &Path) -> Result<(), String> {
    if !message.contains(&*folder.to_string_lossy()) {
        return Err(format!("its error names no file: {message}"));
    }
    if message.chars().any(char::is_control) {
        return Err(format!("its error is not one line of text: {message:?}"));
    }
    Ok(())
}
