//! `v1reel evaluate`: scores reconstructions against the true movies.

use crate::cli::args::EvaluateArgs;
use crate::cli::session::Session;
use crate::error::Result;

/// Evaluates reconstructions.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(_args: &EvaluateArgs, _session: &Session) -> Result<()> {
    super::not_joined("evaluate")
}
