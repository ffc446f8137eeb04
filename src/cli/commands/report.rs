//! `v1reel report`: writes the page to look at a run, or to compare several.

use crate::cli::args::ReportArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::report::page::{ReportOptions, write_report};

/// Writes the report.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(args: &ReportArgs, session: &Session) -> Result<()> {
    let folder = match (&args.out, args.runs.as_slice()) {
        (Some(out), _) => out.clone(),
        (None, [run]) => run.join("report"),
        (None, _) => {
            return Err(Error::usage(
                "a report on several runs belongs to none of them; say where with --out DIR",
            ));
        }
    };
    let options = ReportOptions { members: !args.no_members };
    let page = write_report(&folder, &args.runs, options, session.observer())?;
    let page = std::path::absolute(&page).map_err(Error::io(&page))?;
    output::line(format!("Open {}", page.display()))
}
