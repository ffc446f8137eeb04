//! What can be typed to train, score, import and examine models, and the help texts.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::ExperimentArgs;

/// Arguments of `train`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "A training that was killed goes on from its last saved state (train.checkpoint_seconds, \
    the ends of epochs, signals) when the same command is given again, and ends with the same bytes on the same \
    machine. Exit code 75: interrupted by a signal, state saved.\n\n\
    Members may be shared out: v1reel train a.toml --members 0-3 here, --members 4-6 there."
)]
pub struct TrainArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Train only these members, as in 0-6 or 0,2-4 [default: all]
    #[arg(long, value_name = "LIST")]
    pub members: Option<MemberList>,
    /// Train so many members side by side, sharing the threads and the recordings' memory [default: one a
    /// thread, as far as memory goes]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// Members of an ensemble, ascending, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberList(pub Vec<usize>);

impl FromStr for MemberList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<usize>().ok().filter(|&number| number < MOST_MEMBERS);
        let mut members = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            match (number(first), number(last)) {
                (Some(first), Some(last)) if first <= last => members.extend(first..=last),
                _ => return Err(format!("\"{}\" is no member and no range as in 2-4", part.trim())),
            }
        }
        Ok(Self(members.into_iter().collect()))
    }
}

/// A list with a slip in it should not fill the memory.
const MOST_MEMBERS: usize = 10_000;

/// Arguments of `validate`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Responses are predicted to whole held-out trials, every frame the mean over the clips that \
    contain it. Where held-out trials repeat a movie: oracle r is the correlation of each showing with the mean of \
    the others; CCnorm is the correlation to the average over the most it can be for a model of the movie alone \
    (Schoppe et al. 2016), so that one that knows the behavior may exceed 1. Of a simulated mouse the attainable \
    correlation is that of the true expected responses."
)]
pub struct ValidateArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Print one line of JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `import`.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// The published checkpoint
    #[arg(value_name = "IN.pth")]
    pub checkpoint: PathBuf,
    /// The model to write
    #[arg(value_name = "OUT.safetensors")]
    pub out: PathBuf,
}

/// Arguments of `causality`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Frames are those of a clip: with clip.step = 2 one of them is two frames of the recording."
)]
pub struct CausalityArgs {
    /// The model
    #[arg(value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    /// Frames of the clip
    #[arg(long, value_name = "N", default_value = "16")]
    pub frames: NonZeroUsize,
    /// Rows of a frame
    #[arg(long, value_name = "N", default_value = "64")]
    pub height: NonZeroUsize,
    /// Columns of a frame
    #[arg(long, value_name = "N", default_value = "64")]
    pub width: NonZeroUsize,
    /// Whose responses, counted from 0 in the order of the readouts
    #[arg(long, value_name = "N", default_value = "0")]
    pub mouse: usize,
    /// Print one line of JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_listed_by_number_and_range_each_once() {
        let list = |text: &str| text.parse::<MemberList>().map(|list| list.0);
        assert_eq!(list("0-6").unwrap(), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(list("4, 0,2-3,3").unwrap(), [0, 2, 3, 4]);
        for slip in ["", "a", "3-1", "1-", "-1", "1,,2", "0-99999999999"] {
            assert!(list(slip).unwrap_err().contains("no range"), "{slip}");
        }
    }
}
