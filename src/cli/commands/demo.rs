//! `v1reel demo`: goes the whole way once, small, and shows the pictures.

use crate::cli::args::DemoArgs;
use crate::cli::session::Session;
use crate::error::Result;

/// Runs the demo.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(_args: &DemoArgs, _session: &Session) -> Result<()> {
    super::not_joined("demo")
}
