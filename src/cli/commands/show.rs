//! `v1reel show`: every setting of an experiment, and where it comes from.

use crate::cli::args::ExperimentArgs;
use crate::cli::output;
use crate::error::Result;
use crate::experiment::origin::annotated;

/// Shows.
///
/// # Errors
/// When the experiment can't be read or makes no sense.
pub fn run(args: &ExperimentArgs) -> Result<()> {
    output::line(annotated(&args.experiment, &args.set)?.trim_end())
}
