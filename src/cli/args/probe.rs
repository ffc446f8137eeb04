//! What can be typed after `v1reel probe`, and the help text.

use clap::{Args, ValueEnum};

use super::ExperimentArgs;

/// Arguments of `probe`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "All members answer, and their answers are averaged; behavior stands at its mean over training trials. \
    Stimuli are as bright as the mouse's movies; their settings are the keys of [probe]. Directions are those of motion \
    in the picture: 0 degrees is rightward, 90 downward.\n\n\
    Written to the run's folder probe/MOUSE: neurons.csv (centre and size of every receptive field, preferred direction, \
    orientation, spatial and temporal frequency), receptive_fields.h5, gratings.h5 (all responses), noise.csv, \
    grating_movies.csv, pictures as PNG. noise and grating-movies reconstruct what was shown from the responses predicted \
    to it, with the settings of [reconstruction] and the transparency mask; every movie is kept in probe/MOUSE/noise and \
    probe/MOUSE/grating_movies.\n\n\
    Of a simulated mouse what is found is compared with the truth, beside the same with the neurons shuffled.\n\n\
    Example: v1reel probe experiment.toml --only receptive-fields,gratings"
)]
pub struct ProbeArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Ask only this [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    pub only: Vec<Question>,
    /// Print one line of JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Question {
    /// Where each neuron looks: sparse noise
    ReceptiveFields,
    /// What each neuron prefers: drifting gratings over directions, spatial and temporal frequencies
    Gratings,
    /// What all neurons resolve together: reconstructions of Gaussian noise, a movie for every pair of length constants
    /// and polarity; takes longest
    Noise,
    /// The same with drifting gratings of every spatial and temporal frequency, in four directions and both phases
    GratingMovies,
}

impl ProbeArgs {
    /// Says whether something is asked.
    pub fn asks(&self, question: Question) -> bool {
        self.only.is_empty() || self.only.contains(&question)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::Parser;

    #[test]
    fn everything_is_asked_unless_some_is_named() {
        let parse = |more: &[&str]| Cli::try_parse_from(["v1reel", "probe", "a.toml"].iter().chain(more));
        let Command::Probe(all) = parse(&[]).unwrap().command else { panic!() };
        assert!(all.asks(Question::Noise) && all.asks(Question::Gratings));
        let Command::Probe(some) = parse(&["--only", "receptive-fields,noise"]).unwrap().command else {
            panic!()
        };
        assert!(some.asks(Question::Noise) && some.asks(Question::ReceptiveFields));
        assert!(!some.asks(Question::Gratings));
        assert!(parse(&["--only", "colour"]).is_err());
    }
}
