//! The `v1reel` program: parses the command line, runs the command, exits.

use std::process::ExitCode;

fn main() -> ExitCode {
    v1reel::cli::main()
}
