//! `v1reel inspect`: shows what is in a recording before hours are spent on it.

use crate::cli::args::InspectArgs;
use crate::cli::session::Session;
use crate::error::Result;

/// Inspects a mouse.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(_args: &InspectArgs, _session: &Session) -> Result<()> {
    super::not_joined("inspect")
}
