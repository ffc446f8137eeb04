//! `v1reel simulate`: writes a simulated mouse, laid out like a recorded one.

use crate::cli::args::SimulateArgs;
use crate::cli::session::Session;
use crate::error::Result;

/// Simulates a mouse.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(_args: &SimulateArgs, _session: &Session) -> Result<()> {
    super::not_joined("simulate")
}
