//! A TimeSeries: values at times, in the units that `conversion` and `offset` bring them to.

use std::collections::BTreeSet;

use ndarray::Array2;

use super::object::{Field, Node};
use super::time::TimeAxis;
use crate::error::Result;

/// A series of one or more channels.
#[derive(Debug, Clone)]
pub(super) struct Series {
    /// The group.
    pub(super) node: Node,
    /// When the samples were taken.
    pub(super) time: TimeAxis,
    /// Values of one sample.
    pub(super) channels: usize,
    data: Field,
    scale: Scale,
}

/// What stored values mean: `value * conversion + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    conversion: f64,
    offset: f64,
}

impl Scale {
    /// Reads the attributes of a series' data; without them, values mean themselves.
    pub(super) fn read(data: &Field) -> Result<Self> {
        let conversion = data.number("conversion").unwrap_or(1.0);
        let offset = data.number("offset").unwrap_or(0.0);
        if !conversion.is_finite() || conversion == 0.0 || !offset.is_finite() {
            return Err(data.problem(format!(
                "conversion {conversion} and offset {offset}; expected numbers, the first not 0"
            )));
        }
        Ok(Self { conversion, offset })
    }

    /// Returns what a stored value means.
    pub(super) fn apply(self, stored: f64) -> f64 {
        stored * self.conversion + self.offset
    }

    /// Says whether values mean themselves.
    pub(super) fn is_identity(self) -> bool {
        self.conversion == 1.0 && self.offset == 0.0
    }
}

impl Series {
    /// Opens a series of `[time]` or `[time, channel]` and reads its times.
    pub(super) fn open(node: &Node) -> Result<Self> {
        let data = node.require("data")?;
        let shape = data.shape();
        let (samples, channels) = match *shape {
            [samples] => (samples, 1),
            [samples, channels] => (samples, channels),
            _ => return Err(data.problem(format!("shape {shape:?}; expected time, or time and channels"))),
        };
        if !data.is_numeric() {
            return Err(data.problem("its elements are no numbers"));
        }
        let time = TimeAxis::read(node, &data, samples)?;
        Ok(Self { node: node.clone(), time, channels, scale: Scale::read(&data)?, data })
    }

    /// Reads the samples `from..to`: `[sample, channel]`.
    pub(super) fn values(&self, from: usize, to: usize) -> Result<Array2<f64>> {
        let values = self.data.rows(from, to)?;
        Ok(if self.scale.is_identity() { values } else { values.mapv(|value| self.scale.apply(value)) })
    }

    /// Returns its unit, `?` when it has none.
    pub(super) fn unit(&self) -> String {
        self.data.text("unit").filter(|unit| !unit.is_empty()).unwrap_or_else(|| "?".into())
    }
}

/// Counts the values of one sample of a series that was not opened; 0 when it is none of numbers.
pub(super) fn channels(node: &Node) -> usize {
    match node.field("data").filter(Field::is_numeric).map(|data| data.shape()).as_deref() {
        Some([_]) => 1,
        Some([_, channels]) => *channels,
        _ => 0,
    }
}

/// Objects that are looked at before a file is given up as endless.
const MOST_OBJECTS: usize = 100_000;

/// Groups within groups that a series may be in.
const DEEPEST: usize = 6;

/// Finds all series below some groups, each once however many links lead to it, by path.
pub(super) fn find_series(root: &Node, places: &[&str]) -> Result<Vec<Node>> {
    let mut open: Vec<(Node, usize)> =
        places.iter().rev().filter_map(|place| Some((root.descend(place)?, 0))).collect();
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    while let Some((node, depth)) = open.pop() {
        if !seen.insert(node.identity()) {
            continue;
        }
        if seen.len() > MOST_OBJECTS {
            return Err(node.problem(format!("more than {MOST_OBJECTS} objects: is it damaged?")));
        }
        let names = node.names()?;
        let kind = node.neurodata_type();
        // A BehavioralTimeSeries is no series, but holds some.
        let is_series = kind.ends_with("Series") && kind != "BehavioralTimeSeries";
        if names.iter().any(|name| name == "data") || is_series {
            found.push(node);
        } else if depth < DEEPEST && node.text("colnames").is_none() {
            open.extend(names.iter().rev().filter_map(|name| Some((node.group(name)?, depth + 1))));
        }
    }
    Ok(found)
}
