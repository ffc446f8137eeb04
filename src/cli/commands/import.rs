//! `v1reel import`: turns a published checkpoint into a v1reel model.

use crate::cli::args::ImportArgs;
use crate::cli::session::Session;
use crate::error::Result;

/// Imports a checkpoint.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(_args: &ImportArgs, _session: &Session) -> Result<()> {
    super::not_joined("import")
}
