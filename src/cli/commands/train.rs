//! `v1reel train`: fits the members of the ensemble.

use crate::cli::args::ExperimentArgs;
use crate::cli::session::Session;
use crate::error::Result;

/// Trains the ensemble.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(_args: &ExperimentArgs, _session: &Session) -> Result<()> {
    super::not_joined("train")
}
