//! `v1reel data convert`: stores a mouse in one file.

use crate::atomic;
use crate::cli::args::data::ConvertArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::data::Mouse;
use crate::data::format::hdf5::convert;
use crate::error::{Error, Result};
use crate::simulate::truth_file;

/// Converts.
///
/// # Errors
/// When the mouse is damaged, is one file already, or the new file is there or can't be written.
pub fn run(args: &ConvertArgs, _: &Session) -> Result<()> {
    let out = &args.out;
    if out.extension().is_none_or(|extension| extension != "h5") {
        return Err(Error::usage(format!("{}: expected a name that ends in .h5", out.display())));
    }
    if out.exists() {
        return Err(Error::usage(format!("{} is there already; move it away first", out.display())));
    }
    let mouse = Mouse::open(&args.mouse)?;
    // The truth of a simulated mouse first: a file that is there is complete.
    let truth = truth_file(&mouse.root);
    if truth.is_file() {
        atomic::write_file(&truth_file(out), |to| {
            std::fs::copy(&truth, to).map(drop).map_err(Error::io(&truth))
        })?;
    }
    convert(&mouse, out, args.compress, |_| ())?;
    output::line(format!("{}: {} neurons, {} trials", out.display(), mouse.neurons, mouse.trials.len()))
}
