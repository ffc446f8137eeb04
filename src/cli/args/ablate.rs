//! What can be typed after `v1reel ablate`, and the help texts.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand, ValueEnum};

use super::ExperimentArgs;
use crate::ablate::{Alteration, Channel, Keep, Method, Order};

/// Arguments of `ablate`.
#[derive(Debug, Clone, Args)]
pub struct AblateArgs {
    /// What is ablated.
    #[command(subcommand)]
    pub what: AblateWhat,
}

/// What is ablated.
#[derive(Debug, Clone, Subcommand)]
pub enum AblateWhat {
    /// Reconstruct the chosen trials with fewer and fewer neurons: the curve of pixel correlation against their number
    Neurons(AblateNeuronsArgs),
    /// Alter running and pupil: what that costs the prediction of every neuron and the reconstruction of every trial
    Behavior(AblateBehaviorArgs),
}

/// Arguments of `ablate neurons`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Smaller sets of neurons lie inside larger ones. Sets drawn at random are drawn anew for every mouse, \
    trial and draw. Every reconstruction is kept in the run's folder (ablation/neurons), so that a command that was \
    stopped, or given again with more sizes or draws, makes only what is missing.\n\n\
    The curve is a fit of a + b ln(neurons) through the means. Intervals come from drawing trials of a mouse again, \
    or, over several mice, whole mice; comparisons are paired by trial or by mouse. Tables are in evaluation/: \
    neuron_ablation.csv (every reconstruction), neuron_ablation_curves.csv, neuron_ablation_tests.csv; the picture is \
    neuron_ablation.png."
)]
pub struct AblateNeuronsArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// How many neurons are kept, as shares or numbers: 100%,50%,25%,12.5% or 1000,500 [default: ablation.keep]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub keep: Vec<Keep>,
    /// Which neurons are kept first [default: ablation.by, random]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    pub by: Vec<Order>,
    /// What becomes of the others [default: ablation.methods, both]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    pub methods: Vec<Method>,
    /// Sets drawn for every trial, where they are drawn at random [default: ablation.draws, 3]
    #[arg(long, value_name = "N")]
    pub draws: Option<NonZeroUsize>,
    /// Print one line of JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `ablate behavior`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Altered is minus recorded in every difference. Predictions are those of held-out trials \
    (ablation.prediction_trials of them) and are paired by neuron; reconstructions are those of the chosen trials and \
    are paired by trial. Of a simulated mouse, neurons with and without a gain from running or from the pupil are told \
    apart. Tables are in evaluation/: behavior_ablation_neurons.csv, behavior_ablation_trials.csv, \
    behavior_ablation_effects.csv. Every reconstruction is kept in the run's folder (ablation/behavior)."
)]
pub struct AblateBehaviorArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Which channels are altered [default: ablation.channels, all four]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    pub channels: Vec<Channel>,
    /// What is done to them [default: ablation.alterations, all four]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    pub alterations: Vec<Alteration>,
    /// Draws of random alterations [default: ablation.draws, 3]
    #[arg(long, value_name = "N")]
    pub draws: Option<NonZeroUsize>,
    /// Measure the effect on one of them alone [default: both]
    #[arg(long, value_name = "WHAT", value_enum)]
    pub only: Option<EffectOn>,
    /// Print one line of JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// What behavior has an effect on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum EffectOn {
    /// The prediction of responses: quick
    Prediction,
    /// The reconstruction: a movie for every trial, channel, alteration and draw
    Reconstruction,
}

impl AblateNeuronsArgs {
    /// The experiment, with what was typed laid over its section `[ablation]`.
    pub fn experiment(&self) -> ExperimentArgs {
        let lists = [texts("keep", &self.keep), texts("by", &self.by), texts("methods", &self.methods)];
        overridden(&self.experiment, lists.into_iter().flatten(), self.draws)
    }
}

impl AblateBehaviorArgs {
    /// The experiment, with what was typed laid over its section `[ablation]`.
    pub fn experiment(&self) -> ExperimentArgs {
        let lists = [texts("channels", &self.channels), texts("alterations", &self.alterations)];
        overridden(&self.experiment, lists.into_iter().flatten(), self.draws)
    }

    /// Says whether one effect is asked for.
    pub fn measures(&self, effect: EffectOn) -> bool {
        self.only.is_none_or(|only| only == effect)
    }
}

/// Writes a list as an assignment, when one was given.
fn texts(key: &str, values: &[impl ToString]) -> Option<String> {
    let values: Vec<String> = values.iter().map(|value| format!("{:?}", value.to_string())).collect();
    (!values.is_empty()).then(|| format!("ablation.{key}=[{}]", values.join(", ")))
}

fn overridden(
    args: &ExperimentArgs,
    lists: impl Iterator<Item = String>,
    draws: Option<NonZeroUsize>,
) -> ExperimentArgs {
    let mut args = args.clone();
    args.set.extend(lists.chain(draws.map(|draws| format!("ablation.draws={draws}"))));
    args
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::Parser;

    #[test]
    fn lists_are_laid_over_the_experiment() {
        let words =
            ["v1reel", "ablate", "neurons", "a.toml", "--keep", "100%,12.5%,40", "--by", "deep,random"];
        let Command::Ablate(args) = Cli::try_parse_from(words).unwrap().command else { panic!() };
        let AblateWhat::Neurons(args) = args.what else { panic!() };
        let expected = ["ablation.keep=[\"100%\", \"12.5%\", \"40\"]", "ablation.by=[\"deep\", \"random\"]"];
        assert_eq!(args.experiment().set, expected);
        for slip in [["--keep", "0%"], ["--by", "size"], ["--draws", "0"]] {
            assert!(
                Cli::try_parse_from(["v1reel", "ablate", "neurons", "a.toml"].iter().chain(&slip)).is_err()
            );
        }
    }

    #[test]
    fn both_effects_are_measured_unless_one_is_named() {
        let parse = |more: &[&str]| {
            let words = ["v1reel", "ablate", "behavior", "a.toml", "--draws", "2"].iter().chain(more);
            let Command::Ablate(args) = Cli::try_parse_from(words).unwrap().command else { panic!() };
            let AblateWhat::Behavior(args) = args.what else { panic!() };
            args
        };
        let both = parse(&["--channels", "pupil_center"]);
        assert!(both.measures(EffectOn::Prediction) && both.measures(EffectOn::Reconstruction));
        assert_eq!(both.experiment().set, ["ablation.channels=[\"pupil_center\"]", "ablation.draws=2"]);
        let one = parse(&["--only", "prediction"]);
        assert!(one.measures(EffectOn::Prediction) && !one.measures(EffectOn::Reconstruction));
    }
}
