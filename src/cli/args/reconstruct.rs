//! What can be typed to reconstruct movies and to score them, and the help texts.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::ExperimentArgs;
use super::live::WatchArgs;
use crate::reconstruct::Condition;

/// Arguments of `reconstruct`.
#[derive(Debug, Clone, Args)]
pub struct ReconstructArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Also make controls and ceilings, a list of some, or all; each takes as long as the reconstruction. Controls:
    /// shuffled-neurons (the responses of each neuron given to another), time-shifted (rolled in time by a second or
    /// more). Ceilings: predicted (from what the models themselves predict for the true movie), averaged (from the
    /// mean over repeats, where the movie was shown again). held-out-neurons: from a random half of the neurons, to
    /// see by the other half how much is fitted to noise
    #[arg(long, value_name = "LIST")]
    pub controls: Option<ControlList>,
    /// Who watches.
    #[command(flatten)]
    pub watch: WatchArgs,
}

/// Controls to make, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlList(pub Vec<Condition>);

impl FromStr for ControlList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self(Condition::CONTROLS.to_vec()));
        }
        let found: BTreeSet<Condition> =
            text.split(',').map(|name| name.trim().parse()).collect::<Result<_, _>>()?;
        Ok(Self(found.into_iter().collect()))
    }
}

/// Arguments of `evaluate`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Beside each score stand the controls and ceilings that were made (v1reel reconstruct --controls), and \
    a linear decoder: ridge regression from the responses of all neurons to every pixel, trained on the other folds and \
    shown through the same filter and mask (section [decode] of the experiment file). Intervals are of a bootstrap over \
    mice; of a single mouse over its trials, and then they say nothing of other mice."
)]
pub struct EvaluateArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Leave out the linear decoder: with thousands of neurons it takes minutes the first time
    #[arg(long)]
    pub no_linear_decoder: bool,
    /// Print one line of JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `compare`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Compared are the trials that both runs scored (v1reel evaluate) and the neurons that both ensembles \
    predicted (v1reel validate): another preset, fewer members, an encoder trained without a channel (data.without).\n\n\
    Example: v1reel compare runs/first runs/without-running"
)]
pub struct CompareArgs {
    /// Folder of one run
    #[arg(value_name = "FIRST")]
    pub first: PathBuf,
    /// Folder of the other; differences are SECOND minus FIRST
    #[arg(value_name = "SECOND")]
    pub second: PathBuf,
    /// Print one line of JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_listed_by_name_each_once_or_all() {
        let list = |text: &str| text.parse::<ControlList>().map(|list| list.0);
        let some = [Condition::ShuffledNeurons, Condition::Predicted];
        assert_eq!(list("predicted, shuffled-neurons,predicted").unwrap(), some);
        assert_eq!(list("all").unwrap(), Condition::CONTROLS);
        assert!(list("").unwrap_err().contains("or all"));
        assert!(list("predicted,truth").unwrap_err().contains("\"truth\" is no control"));
    }
}
