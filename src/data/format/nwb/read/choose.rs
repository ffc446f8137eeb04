//! Which series of a file is what: labs name them in many ways.

use std::convert::Infallible;
use std::str::FromStr;

use super::object::Node;
use super::series::channels;
use crate::error::{Error, Result};

/// Which series of a file to take for something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// The one whose name says that it is it, if there is one.
    #[default]
    Auto,
    /// The one of this name or path.
    Named(String),
    /// None, though there may be one.
    Without,
}

impl FromStr for Choice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "auto" => Self::Auto,
            "none" => Self::Without,
            name => Self::Named(name.to_string()),
        })
    }
}

/// Something that is looked for by its name.
pub(super) struct Wanted {
    /// What it is, for messages.
    pub(super) what: &'static str,
    /// How it is chosen by hand.
    pub(super) flag: &'static str,
    /// Scores a series: 0 is surely it, `None` surely not.
    pub(super) score: fn(&Node) -> Option<usize>,
}

/// Words in names of running speed, the surest first.
const RUNNING: [&str; 12] = [
    "runningspeed",
    "runningvelocity",
    "running",
    "locomotionspeed",
    "locomotion",
    "treadmillspeed",
    "treadmillvelocity",
    "treadmill",
    "wheelspeed",
    "wheelvelocity",
    "speed",
    "velocity",
];

/// Words in names of the pupil's size.
const SIZE: [&str; 6] = ["dilation", "diameter", "radius", "area", "size", "width"];

/// Words in names of where the pupil is.
const CENTER: [&str; 5] = ["center", "centre", "position", "location", "xy"];

/// Running speed: one channel.
pub(super) const RUNNING_SPEED: Wanted = Wanted {
    what: "running speed",
    flag: "--running",
    score: |node| {
        let (own, within) = (normal(node.name()), normal(node.parent_name()));
        if channels(node) != 1 || own.contains("pupil") || own.contains("eye") {
            return None;
        }
        let rank = |name: &str| RUNNING.iter().position(|word| name.contains(word));
        // "speed" before "speed_unfiltered".
        let longer = |name: &str| usize::from(!RUNNING.contains(&name));
        rank(&own).map(|at| 2 * at + longer(&own)).or_else(|| Some(2 * RUNNING.len() + rank(&within)?))
    },
};

/// Pupil dilation: one channel.
pub(super) const PUPIL_DILATION: Wanted = Wanted {
    what: "pupil dilation",
    flag: "--pupil",
    score: |node| {
        let (own, within) = (normal(node.name()), normal(&node.at));
        let tracked = node.at.split('/').any(|part| normal(part) == "pupiltracking");
        if channels(node) != 1 || !(within.contains("pupil") || tracked) {
            return None;
        }
        let of_pupil = usize::from(!own.contains("pupil"));
        let rank = SIZE.iter().position(|word| own.contains(word));
        rank.map(|at| 2 * at + of_pupil).or_else(|| tracked.then_some(2 * SIZE.len() + of_pupil))
    },
};

/// Pupil center: x and y.
pub(super) const PUPIL_CENTER: Wanted = Wanted {
    what: "pupil center",
    flag: "--pupil-center",
    score: |node| {
        let (own, within) = (normal(node.name()), normal(&node.at));
        if own == "pupilcenter" && (1..=3).contains(&channels(node)) {
            return Some(0);
        }
        let reflection = own.contains("reflection") || own.contains("corneal") || own == "cr";
        if channels(node) != 2 || reflection || !(within.contains("pupil") || within.contains("eye")) {
            return None;
        }
        let of_pupil = usize::from(!own.contains("pupil"));
        let rank = CENTER.iter().position(|word| own.contains(word));
        let tracked = within.contains("eyetracking");
        rank.map(|at| 1 + 2 * at + of_pupil).or_else(|| tracked.then_some(1 + 2 * CENTER.len() + of_pupil))
    },
};

impl Wanted {
    /// Chooses among the series of a file; `None` when there is none or none is to be taken.
    ///
    /// # Errors
    /// When the one that was asked for is not there.
    pub(super) fn choose(&self, choice: &Choice, root: &Node, series: &[Node]) -> Result<Option<Node>> {
        match choice {
            Choice::Without => Ok(None),
            Choice::Auto => {
                let scored = series.iter().filter_map(|node| Some(((self.score)(node)?, node)));
                // The first of equals: series are by path.
                Ok(scored.min_by_key(|(score, _)| *score).map(|(_, node)| node.clone()))
            }
            Choice::Named(name) => {
                let fitting: Vec<&Node> = series.iter().filter(|node| is_called(node, name)).collect();
                match fitting[..] {
                    [node] => Ok(Some(node.clone())),
                    _ => Err(unclear(root, self.what, self.flag, name, &fitting, series)),
                }
            }
        }
    }
}

/// Says whether a name or the end of a path means this series.
pub(super) fn is_called(node: &Node, name: &str) -> bool {
    let name = name.trim_matches('/');
    !name.is_empty() && (node.at.trim_start_matches('/') == name || node.at.ends_with(&format!("/{name}")))
}

/// Makes the error about a name that fits none of the series, or several.
pub(super) fn unclear(
    root: &Node,
    what: &str,
    flag: &str,
    name: &str,
    fitting: &[&Node],
    all: &[Node],
) -> Error {
    let list = |nodes: &mut dyn Iterator<Item = &Node>| {
        let paths: Vec<String> = nodes.map(|node| format!("{} {}", node.at, shape(node))).collect();
        if paths.is_empty() { "none".to_string() } else { paths.join(", ") }
    };
    root.problem(if fitting.is_empty() {
        format!("no series {name:?} for {what}; {flag} takes one of: {}", list(&mut all.iter()))
    } else {
        format!(
            "{name:?} is not clear for {what}; give {flag} one of: {}",
            list(&mut fitting.iter().copied())
        )
    })
}

fn shape(node: &Node) -> String {
    node.field("data").map_or_else(String::new, |data| format!("{:?}", data.shape()))
}

/// Brings a name to lower case without its separators.
pub(super) fn normal(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
