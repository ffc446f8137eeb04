//! Writes results to standard output and complaints to standard error, and survives a reader that left:
//! `v1reel inspect mouse | head -1` is no failure.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use crate::error::{Error, Result};

/// Writes `text` and a line end to standard output.
///
/// # Errors
/// [`Error::Io`] when it can't be written for another reason than that nobody reads any more.
pub fn line(text: impl Display) -> Result<()> {
    forgive(write_line(&mut io::stdout().lock(), text))
}

/// Writes one line of JSON to standard output.
///
/// # Errors
/// See [`line`].
pub fn json(value: &impl serde::Serialize) -> Result<()> {
    line(serde_json::to_string(value).map_err(|e| Error::Failed(format!("can't be put as JSON: {e}")))?)
}

/// Writes `error: ...` to standard error, on one line; what the user asked for is no error.
pub fn error_line(error: &Error) {
    let text = error.to_string();
    let text: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let start = if matches!(error, Error::Interrupted) { "" } else { "error: " };
    // There is nowhere left to complain to.
    let _ = write_line(&mut io::stderr().lock(), format_args!("{start}{}", text.join("; ")));
}

/// Writes a line to standard error that is neither result nor event: it stands in no log.
pub fn aside(text: impl Display) {
    // Nobody may be reading.
    let _ = write_line(&mut io::stderr().lock(), text);
}

fn write_line(to: &mut impl Write, text: impl Display) -> io::Result<()> {
    writeln!(to, "{text}").and_then(|()| to.flush())
}

fn forgive(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("standard output")(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_no_failure_but_a_full_disk_is() {
        assert!(forgive(Err(ErrorKind::BrokenPipe.into())).is_ok());
        assert_eq!(forgive(Err(ErrorKind::StorageFull.into())).unwrap_err().exit_code(), 1);
    }
}
