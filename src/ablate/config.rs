//! Settings of the ablations: the section `[ablation]` of an experiment, which the command line may override.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::Channel;

/// How many neurons are kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum Keep {
    /// Percent of the recorded neurons, above 0 and at most 100.
    Percent(f64),
    /// So many, at least 1.
    Count(usize),
}

impl Keep {
    /// Counts the neurons kept of `neurons` recorded ones, exactly: a percentage is rounded once, and keeps at least
    /// one. `None` when there are fewer than that.
    pub fn count(self, neurons: usize) -> Option<usize> {
        match self {
            Self::Percent(percent) => Some(((percent / 100.0 * neurons as f64).round() as usize).max(1)),
            Self::Count(count) => (count <= neurons).then_some(count),
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let slip =
            || format!("\"{text}\" is neither a share of the neurons as in 12.5% nor a number of them");
        let keep = match text.trim().strip_suffix('%') {
            Some(percent) => Self::Percent(percent.trim().parse().map_err(|_| slip())?),
            None => Self::Count(text.trim().parse().map_err(|_| slip())?),
        };
        match keep {
            Self::Percent(percent) if percent > 0.0 && percent <= 100.0 => Ok(keep),
            Self::Percent(_) => Err(format!("\"{text}\" is not above 0% and at most 100%")),
            Self::Count(0) => Err("0 neurons have nothing to be reconstructed from".into()),
            Self::Count(_) => Ok(keep),
        }
    }
}

impl TryFrom<String> for Keep {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Keep> for String {
    fn from(keep: Keep) -> Self {
        keep.to_string()
    }
}

/// Which neurons are kept first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Order {
    /// Any, drawn anew for every mouse, trial and draw
    Random,
    /// Those nearest to the surface of the brain (z of cell_motor_coordinates)
    Shallow,
    /// Those deepest in it
    Deep,
    /// Those whose responses repeat, or are predicted, best on trials that are not reconstructed
    Reliable,
    /// Those whose responses do so worst
    Unreliable,
    /// Those that look at the middle of the movie (readout = "gaussian" only)
    Central,
    /// Those that look at its margins (readout = "gaussian" only)
    Peripheral,
}

/// What becomes of the neurons that are not kept.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Method {
    /// They leave the loss: nothing is asked of the movie about them
    Exclude,
    /// Their responses are set to 0, as published: the movie is asked to keep them silent
    Silence,
}

/// What is done to them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Alteration {
    /// Their mean over training trials, in every frame
    Mean,
    /// 0 in every frame
    Zero,
    /// Their frames in another order, drawn for every trial
    Shuffle,
    /// Those of another trial of the same mouse
    Swap,
}

impl Alteration {
    /// Says whether it depends on a draw.
    pub fn is_random(self) -> bool {
        matches!(self, Self::Shuffle | Self::Swap)
    }
}

/// The section `[ablation]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AblationConfig {
    /// How many neurons are kept: shares such as "25%" or numbers such as "500".
    pub keep: Vec<Keep>,
    /// Which are kept first; smaller sets lie inside larger ones.
    pub by: Vec<Order>,
    /// What becomes of the others.
    pub methods: Vec<Method>,
    /// Subsets drawn for every trial where they are drawn at random, and draws of random alterations.
    #[schemars(extend("unit" = "draws"))]
    pub draws: usize,
    /// Behavioral channels to alter.
    pub channels: Vec<Channel>,
    /// What is done to them.
    pub alterations: Vec<Alteration>,
    /// Held-out trials of each mouse that the effect of behavior on prediction is measured on, at most.
    #[schemars(extend("unit" = "trials"))]
    pub prediction_trials: usize,
    /// Resamples behind every interval, and random sign flips behind every p of that kind.
    #[schemars(extend("unit" = "resamples"))]
    pub resamples: usize,
}

impl Default for AblationConfig {
    fn default() -> Self {
        let percent = |p| Keep::Percent(p);
        Self {
            keep: [100.0, 50.0, 25.0, 12.5].map(percent).to_vec(),
            by: vec![Order::Random],
            methods: vec![Method::Exclude, Method::Silence],
            draws: 3,
            channels: vec![Channel::Running, Channel::PupilDilation, Channel::PupilCenter, Channel::All],
            alterations: vec![Alteration::Mean, Alteration::Zero, Alteration::Shuffle, Alteration::Swap],
            prediction_trials: 24,
            resamples: 10_000,
        }
    }
}

macro_rules! named_as_typed {
    ($($kind:ty),*) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let value = self.to_possible_value();
                f.write_str(value.as_ref().map_or("", |value| value.get_name()))
            }
        }
    )*};
}
named_as_typed!(Order, Method, Alteration);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_numbers_give_exact_counts() {
        let count = |text: &str, neurons| text.parse::<Keep>().unwrap().count(neurons);
        assert_eq!(count("12.5%", 8000), Some(1000));
        assert_eq!(count("12.5 %", 1000), Some(125));
        assert_eq!(count("33%", 10), Some(3));
        assert_eq!(count("0.01%", 10), Some(1));
        assert_eq!(count("100%", 7), Some(7));
        assert_eq!((count("7", 7), count("8", 7)), (Some(7), None));
        for slip in ["0%", "101%", "-1%", "NaN%", "0", "-3", "half", ""] {
            assert!(slip.parse::<Keep>().is_err(), "{slip}");
        }
    }

    #[test]
    fn settings_read_back_and_are_named_as_they_are_typed() {
        let text = toml::to_string(&AblationConfig::default()).unwrap();
        assert!(text.contains("keep = [\"100%\", \"50%\", \"25%\", \"12.5%\"]"), "{text}");
        assert_eq!(toml::from_str::<AblationConfig>(&text).unwrap(), AblationConfig::default());
        assert_eq!(Channel::PupilDilation.to_string(), "pupil_dilation");
        assert!(
            toml::from_str::<AblationConfig>("keep = [\"half\"]").unwrap_err().message().contains("half")
        );
    }
}
