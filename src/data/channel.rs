//! The behavioral channels by their names, and which rows of a recording they are.

use std::fmt;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mouse;

/// One behavioral channel, or several together.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Channel {
    /// Running speed
    Running,
    /// Size of the pupil
    PupilDilation,
    /// Where the pupil is: x and y
    PupilCenter,
    /// All that were recorded
    All,
}

impl Channel {
    /// Lists its rows among those of behavior, then pupil center; `None` when it was not recorded.
    ///
    /// A recording with one row of behavior does not say whether that is the pupil or the running speed.
    pub fn rows(self, mouse: &Mouse) -> Option<Vec<usize>> {
        let (behavior, all) = (mouse.behavior_rows, mouse.behavior_rows + mouse.pupil_center_rows);
        let rows: Vec<usize> = match self {
            Self::PupilDilation if behavior == 2 => vec![0],
            Self::Running if behavior == 2 => vec![1],
            Self::PupilDilation | Self::Running => Vec::new(),
            Self::PupilCenter => (behavior..all).collect(),
            Self::All => (0..all).collect(),
        };
        (!rows.is_empty()).then_some(rows)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}
