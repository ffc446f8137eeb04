//! `v1reel mask`: trains the transparency mask of every mouse.

use crate::cli::args::ExperimentArgs;
use crate::cli::session::Session;
use crate::error::Result;

/// Trains the masks.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(_args: &ExperimentArgs, _session: &Session) -> Result<()> {
    super::not_joined("mask")
}
