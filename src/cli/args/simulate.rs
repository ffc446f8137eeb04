//! What can be typed to make a simulated mouse, and the help texts.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

/// Arguments of `simulate`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: v1reel simulate mice/sim --neurons 400 --trials 60 --seed first \
    --movies a.mp4 b.mp4")]
pub struct SimulateArgs {
    /// Folder of the new mouse; its name is the mouse's name
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// Recipe of the mouse (TOML); the options below override it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Video files to show to it, cropped, flipped and cut into trials; made-up natural-like movies if none
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub movies: Vec<PathBuf>,
    /// Number of neurons
    #[arg(long, value_name = "N")]
    pub neurons: Option<NonZeroUsize>,
    /// Number of trials of ten seconds
    #[arg(long, value_name = "N")]
    pub trials: Option<NonZeroUsize>,
    /// Name that all randomness follows from: the same name makes the same mouse
    #[arg(long, value_name = "NAME")]
    pub seed: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::Parser;

    #[test]
    fn simulate_takes_several_movies() {
        let words = ["v1reel", "simulate", "out", "--movies", "a.mp4", "b.mp4", "--neurons", "10"];
        let Command::Simulate(args) = Cli::try_parse_from(words).unwrap().command else { panic!() };
        assert_eq!(args.movies.len(), 2);
        assert_eq!(args.out, PathBuf::from("out"));
    }
}
