//! The command line: the only place that reads arguments, prints and draws bars.

pub mod args;
pub mod audience;
pub mod chosen;
pub mod commands;
pub mod event_log;
mod leaks;
mod linear;
mod machine;
pub mod numbers;
pub mod output;
pub mod preview;
pub mod progress;
pub mod session;
pub mod shipped;
mod signals;
mod split;
pub mod table;
pub mod workspace;

use std::process::ExitCode;

use clap::Parser;

use crate::error::Result;
use args::data::DataCommand;
use args::{Cli, Command};
use session::Session;

/// Exit code of a request that was wrong: an unknown flag, a fold out of range.
const MISUSE: u8 = 2;

/// Runs the program: exit code 0 when all went well, 2 for misuse, 1 for failure, 75 for work that was
/// interrupted and goes on when asked again, with one line that says why on standard error.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too and go to standard output; a closed pipe is no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { MISUSE } else { 0 });
        }
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error_line(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let session = Session::new(&cli.global)?;
    match cli.command {
        Command::Simulate(args) => commands::simulate::run(&args, &session),
        Command::Inspect(args) => commands::inspect::run(&args, &session),
        Command::Explain(args) => commands::reference::run(&args),
        Command::Show(args) => commands::show::run(&args),
        Command::Data(data) => match data.command {
            DataCommand::Verify(args) => commands::verify::run(&args, &session),
            DataCommand::Convert(args) => commands::convert::run(&args, &session),
            DataCommand::Import(args) => commands::nwb::run_import(&args, &session),
            DataCommand::FromArrays(args) => commands::from_arrays::run(&args, &session),
            DataCommand::Export(args) => commands::nwb::run_export(&args, &session),
        },
        Command::Train(args) => commands::train::run(&args, &session),
        Command::Import(args) => commands::import::run(&args, &session),
        Command::Causality(args) => commands::causality::run(&args, &session),
        Command::Validate(args) => commands::validate::run(&args, &session),
        Command::Mask(args) => commands::mask::run(&args, &session),
        Command::Predict(args) => commands::predict::run(&args, &session),
        Command::Reconstruct(args) => commands::reconstruct::run(&args, &session),
        Command::Evaluate(args) => commands::evaluate::run(&args, &session),
        Command::Decode(args) => commands::decode::run(&args, &session),
        Command::Ablate(args) => commands::ablate::run(&args, &session),
        Command::Probe(args) => commands::probe::run(&args, &session),
        Command::Report(args) => commands::report::run(&args, &session),
        Command::Export(args) => commands::export::run(&args, &session),
        Command::Compare(args) => commands::compare::run(&args),
        Command::Plan(args) => commands::cluster::plan::run(&args, &session),
        Command::Run(args) => commands::cluster::run::run(&args, &session),
        Command::Submit(args) => commands::cluster::submit::run(&args, &session),
        Command::Status(args) => commands::cluster::status::run(&args, &session),
        Command::Cancel(args) => commands::cluster::cancel::run(&args, &session),
        Command::Task(args) => commands::cluster::task::run(&args, &session),
        Command::Demo(args) => commands::demo::run(&args, &session),
    }
}
