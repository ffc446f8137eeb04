//! The commands, one file each: each takes its arguments, runs library stages, prints what came out.

pub mod demo;
pub mod evaluate;
pub mod import;
pub mod inspect;
pub mod mask;
pub mod predict;
pub mod reconstruct;
pub mod simulate;
pub mod train;

use crate::error::{Error, Result};

/// Ends a command whose stage is not joined to the command line.
fn not_joined(command: &str) -> Result<()> {
    Err(Error::Failed(format!("`v1reel {command}` is not part of this build")))
}
