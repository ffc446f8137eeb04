//! `v1reel data verify`: finds what is broken in recordings.

use std::path::PathBuf;

use crate::cli::args::data::VerifyArgs;
use crate::cli::leaks::verify_experiment;
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::table::Table;
use crate::data::verify::{Kind, Problem, Report, Severity, Split, verify};
use crate::error::{Error, Result};

/// Problems of one kind that are listed in full; the rest is counted.
const LISTED: usize = 20;

/// Verifies.
///
/// # Errors
/// When there is an error in a recording, or one can't be read.
pub fn run(args: &VerifyArgs, session: &Session) -> Result<()> {
    let is_experiment = |path: &&PathBuf| path.is_file() && path.extension().is_some_and(|end| end == "toml");
    let (experiments, recordings): (Vec<&PathBuf>, Vec<&PathBuf>) =
        args.paths.iter().partition(is_experiment);
    let recordings: Vec<PathBuf> = recordings.into_iter().cloned().collect();
    let mut report = verify(&recordings, Split::Tiers, session.observer())?;
    for path in experiments {
        report.merge(verify_experiment(path, session.observer())?);
    }
    if args.json {
        output::json(&report)?;
    } else {
        output::line(
            list(&report, if args.all { usize::MAX } else { LISTED }) + &table(&report).to_string(),
        )?;
    }
    let errors = report.count(Severity::Error);
    if errors == 0 {
        return Ok(());
    }
    if report.mice.is_empty() {
        let paths: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Error::Failed(format!(
            "no mouse was found to verify in {}; name a mouse, a folder of mice or an experiment file",
            paths.join(", ")
        )));
    }
    let unusable: usize = report.mice.iter().map(|mouse| mouse.unusable_trials).sum();
    Err(Error::Failed(format!(
        "{errors} errors in {} mice make {unusable} trials unusable, or whole mice where no trial is named; what to \
         do stands beside each",
        report.mice.len()
    )))
}

/// Lists the problems by kind, the worst first.
fn list(report: &Report, listed: usize) -> String {
    let mut kinds: Vec<(Severity, Kind)> = report.problems.iter().map(|p| (p.severity, p.kind)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut text = String::new();
    for (severity, kind) in kinds {
        let of_kind = report.problems.iter().filter(|p| (p.severity, p.kind) == (severity, kind));
        let count = of_kind.clone().count();
        text += &format!("{severity} {kind} ({count})\n");
        of_kind.take(listed).for_each(|problem| text += &format!("  {}\n", line(problem)));
        if count > listed {
            text += &format!("  and {} more: --all or --json lists them\n", count - listed);
        }
        text.push('\n');
    }
    text
}

fn line(problem: &Problem) -> String {
    let mouse = problem.mouse.as_ref().map(|mouse| format!("{mouse}, ")).unwrap_or_default();
    let trial = problem.trial.map(|trial| format!("trial {trial}, ")).unwrap_or_default();
    let file = problem.file.as_ref().map(|file| format!("{}: ", file.display())).unwrap_or_default();
    format!("{mouse}{trial}{file}{}", problem.message)
}

fn table(report: &Report) -> Table {
    let mut table = Table::new(["mouse", "trials", "unusable", "neurons", "frames", "errors", "remarks"]);
    for mouse in &report.mice {
        let frames = if mouse.frames_min == mouse.frames_max {
            mouse.frames_max.to_string()
        } else {
            format!("{}-{}", mouse.frames_min, mouse.frames_max)
        };
        let counts = [mouse.trials, mouse.unusable_trials, mouse.neurons].map(|count| count.to_string());
        let problems = [mouse.errors, mouse.remarks].map(|count| count.to_string());
        table.row([vec![mouse.mouse.to_string()], counts.to_vec(), vec![frames], problems.to_vec()].concat());
    }
    table
}
