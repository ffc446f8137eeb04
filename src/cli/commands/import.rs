//! `v1reel import`: turns a published PyTorch checkpoint into a v1reel model.

use crate::cli::args::model::ImportArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::error::Result;
use crate::model::pytorch;

/// Imports.
///
/// # Errors
/// When the file is no such checkpoint, or the model can't be written.
pub fn run(args: &ImportArgs, _: &Session) -> Result<()> {
    let checkpoint = pytorch::read(&args.checkpoint)?.into_checkpoint()?;
    checkpoint.write(&args.out)?;
    let values: usize = checkpoint.tensors.values().map(|tensor| tensor.values.len()).sum();
    output::line(format!(
        "{}: {values} values, {} input channels, neurons of each mouse: {:?}",
        args.out.display(),
        checkpoint.config.in_channels,
        checkpoint.config.readout_outputs
    ))
}
