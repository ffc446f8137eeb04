//! The neurons' responses: which RoiResponseSeries of a file they are, and the cells that they belong to.

use ndarray::{Array2, Axis, concatenate};

use super::choose::{is_called, normal, unclear};
use super::object::Node;
use super::resample::{Grid, Plan, describe};
use super::rois::{Rois, read_rois};
use super::series::Series;
use crate::error::Result;

/// Words in names of responses, by how near they are to what the encoder is made for.
const KINDS: [&[&str]; 2] = [&["deconv", "spike", "event", "inferred"], &["dff", "dfoverf", "deltaf"]];

/// The responses of all neurons: one series, or one for each imaged plane.
#[derive(Debug)]
pub(super) struct Responses {
    planes: Vec<Series>,
    /// The neurons of all planes, in their order.
    pub(super) rois: Rois,
}

impl Responses {
    /// Opens the series that were asked for by name or path, or the only ones that there can be meant.
    pub(super) fn open(root: &Node, series: &[Node], names: &[String]) -> Result<Self> {
        let all: Vec<Node> = series.iter().filter(|node| node.field("rois").is_some()).cloned().collect();
        if all.is_empty() {
            return Err(root.problem(
                "has no RoiResponseSeries (looked in processing and acquisition): without responses there is \
                 nothing to train on or reconstruct from",
            ));
        }
        let chosen = if names.is_empty() { guess(root, &all)? } else { named(root, &all, names)? };
        let planes: Vec<Series> = chosen.iter().map(Series::open).collect::<Result<_>>()?;
        let rois = planes.iter().map(|plane| read_rois(&plane.node, plane.channels));
        let rois = Rois::join(rois.collect::<Result<_>>()?);
        Ok(Self { planes, rois })
    }

    /// Counts the neurons.
    pub(super) fn neurons(&self) -> usize {
        self.planes.iter().map(|plane| plane.channels).sum()
    }

    /// Reads the responses at some times, `[neuron, time]`; `Err` inside says why there are none.
    pub(super) fn read(&self, times: &[f64], rate_hz: f64) -> Result<Result<Array2<f32>, String>> {
        // Three periods are bridged; no neuron is silent for longer without being watched.
        let grid = Grid { rate_hz, bridge_s: 0.0 };
        let mut parts = Vec::with_capacity(self.planes.len());
        for plane in &self.planes {
            let plan = match Plan::new(&plane.time, times, grid) {
                Ok(plan) => plan,
                Err(why) => return Ok(Err(format!("{} {why}", plane.node.at))),
            };
            let values = plan.apply(plane.values(plan.first, plan.end)?.view());
            if let Some(((neuron, frame), value)) = values.indexed_iter().find(|(_, v)| !v.is_finite()) {
                let at = plane.node.at.as_str();
                return Ok(Err(format!("{at} is {value} for ROI {neuron} at {:.3} s", times[frame])));
            }
            parts.push(values);
        }
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        // All have a column for each time.
        Ok(concatenate(Axis(0), &views).map_err(|e| e.to_string()))
    }

    /// Says what was taken and what was done to it, a line for each plane.
    pub(super) fn notes(&self, rate_hz: f64) -> Vec<String> {
        let mut notes: Vec<String> = self
            .planes
            .iter()
            .map(|plane| {
                format!(
                    "responses: {}, {} neurons, in {}, {}",
                    plane.node.at,
                    plane.channels,
                    plane.unit(),
                    describe(&plane.time, rate_hz)
                )
            })
            .collect();
        if self.planes.iter().any(|plane| kind(&plane.node) != Some(0)) {
            notes.push(
                "responses: their name does not say that they are deconvolved. They are taken as they are: v1reel \
                 does not deconvolve, and its training counts values below 0 as 0"
                    .into(),
            );
        }
        notes.extend(self.rois.notes.iter().cloned());
        notes
    }
}

/// Looks for the words of [`KINDS`] in the names of a series and of what it is in.
fn kind(node: &Node) -> Option<usize> {
    let (own, within) = (normal(node.name()), normal(node.parent_name()));
    KINDS.iter().position(|words| words.iter().any(|word| own.contains(word) || within.contains(word)))
}

/// Takes the series that have each name, or that are in what has it.
fn named(root: &Node, all: &[Node], names: &[String]) -> Result<Vec<Node>> {
    let mut chosen: Vec<Node> = Vec::new();
    for name in names {
        let within = |node: &Node| {
            let parent = &node.at[..node.at.len() - node.name().len() - 1];
            parent.ends_with(&format!("/{}", name.trim_matches('/')))
        };
        let fitting: Vec<&Node> = all.iter().filter(|&node| is_called(node, name) || within(node)).collect();
        if fitting.is_empty() || !differ(&fitting) {
            return Err(unclear(root, "responses", "--responses", name, &fitting, all));
        }
        chosen.extend(fitting.into_iter().cloned());
    }
    if !differ(&chosen.iter().collect::<Vec<_>>()) {
        return Err(unclear(root, "responses", "--responses", &names.join(", "), &[], all));
    }
    Ok(chosen)
}

/// Takes the series of the best kind, when each is of other ROIs.
fn guess(root: &Node, all: &[Node]) -> Result<Vec<Node>> {
    let best = all.iter().map(|node| kind(node).unwrap_or(KINDS.len())).min().unwrap_or(KINDS.len());
    let fitting: Vec<&Node> = all.iter().filter(|node| kind(node).unwrap_or(KINDS.len()) == best).collect();
    if !differ(&fitting) {
        return Err(unclear(root, "responses", "--responses", "auto", &fitting, all));
    }
    Ok(fitting.into_iter().cloned().collect())
}

/// Says whether no two series are of the same table of ROIs: then they are of several planes.
fn differ(series: &[&Node]) -> bool {
    let table = |node: &&Node| Some(node.field("rois")?.referred("table")?.identity());
    let mut tables: Vec<Option<String>> = series.iter().map(table).collect();
    tables.sort();
    series.len() == 1 || tables.windows(2).all(|pair| pair[0] != pair[1])
}
