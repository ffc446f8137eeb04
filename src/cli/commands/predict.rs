//! `v1reel predict`: predicts responses to the trials' movies and compares them with the recorded ones.

use crate::cli::args::ExperimentArgs;
use crate::cli::session::Session;
use crate::error::Result;

/// Predicts responses.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(_args: &ExperimentArgs, _session: &Session) -> Result<()> {
    super::not_joined("predict")
}
