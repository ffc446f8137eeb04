//! The one error type: what was wrong, where, and what to do about it.
//!
//! Two kinds matter to a caller: misuse (the request itself is wrong, exit code 2) and failure
//! (the request was fine, the files or the machine were not, exit code 1). Beside them stands work that was
//! stopped on request and goes on when asked again (exit code 75).

use std::io;
use std::path::{Path, PathBuf};

/// Result of everything in v1reel that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Says in one line what was found, what was expected and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong: an unknown key, a fold out of range, flags that contradict.
    #[error("{0}")]
    Usage(String),
    /// A file is not what it should be.
    #[error("{}: {problem}", path.display())]
    Invalid {
        /// The file or folder at fault.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder that was being read or written.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A computation could not go on.
    #[error("{0}")]
    Failed(String),
    /// Somebody asked to stop.
    #[error("interrupted; what is done is saved: give the same command again to go on")]
    Interrupted,
}

/// Exit code of work that was interrupted: `EX_TEMPFAIL` of BSD's `sysexits.h`, "try again later".
pub const INTERRUPTED: u8 = 75;

impl Error {
    /// Makes an [`Error::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// Makes an [`Error::Invalid`] about `path`.
    pub fn invalid(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::Invalid { path: path.as_ref().to_path_buf(), problem: problem.into() }
    }

    /// Makes an [`Error::Io`] about `path`; for `map_err`.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { path, source }
    }

    /// Returns the process exit code: 2 for misuse, 1 for failure, [`INTERRUPTED`] for work that goes on when
    /// the same command is given again.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Invalid { .. } | Self::Io { .. } | Self::Failed(_) => 1,
            Self::Interrupted => INTERRUPTED,
        }
    }
}

/// Keeps a message that quotes an untrusted file on one line of sane length.
pub fn one_line(message: &str) -> String {
    const LONGEST: usize = 600;
    let mut line: String = message.chars().take(LONGEST).flat_map(escaped).collect();
    if message.chars().nth(LONGEST).is_some() {
        line.push_str("...");
    }
    line
}

fn escaped(c: char) -> impl Iterator<Item = char> {
    let (keep, escape) = if c.is_control() { (None, Some(c.escape_default())) } else { (Some(c), None) };
    keep.into_iter().chain(escape.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_quotes_a_hostile_name_stays_one_short_line() {
        let line = one_line(&format!("tensor a\nb\u{1b}[2J{} is missing", "x".repeat(10_000)));
        assert!(line.starts_with(r"tensor a\nb\u{1b}[2J"), "{line}");
        assert!(line.len() < 700 && !line.contains('\n'), "{} bytes", line.len());
    }
}
