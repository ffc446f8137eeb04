//! `v1reel reconstruct`: reconstructs the movies of the chosen trials.

use crate::cli::args::ExperimentArgs;
use crate::cli::session::Session;
use crate::error::Result;

/// Reconstructs movies.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(_args: &ExperimentArgs, _session: &Session) -> Result<()> {
    super::not_joined("reconstruct")
}
