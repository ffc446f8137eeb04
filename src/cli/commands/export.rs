//! `v1reel export`: writes a run's movies and numbers as files that other programs open.

use crate::cli::args::export::ExportArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::error::Result;
use crate::export::{ExportOptions, Format, Selection, export};

/// Exports.
///
/// # Errors
/// See [`export`].
pub fn run(args: &ExportArgs, session: &Session) -> Result<()> {
    let out = args.out.clone().unwrap_or_else(|| args.run.join("export"));
    let selection = Selection {
        mice: args.mouse.clone(),
        trials: args.trial.clone(),
        conditions: args.condition.clone(),
    };
    let options = ExportOptions { members: args.members, depth: args.depth };
    let mut formats: Vec<Format> = Vec::new();
    for &format in &args.to {
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    let files = export(&args.run, &out, &formats, &selection, &options, session.observer())?;
    if args.json {
        return output::json(&serde_json::json!({ "files": files }));
    }
    for file in &files {
        output::line(file.path.display())?;
    }
    let count = files.len();
    let word = if count == 1 { "file" } else { "files" };
    output::line(format!("{count} {word} in {}", out.display()))
}
