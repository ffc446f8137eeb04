//! Running and pupil: series that come at their own rates, with blinks in them.

use ndarray::{Array2, Axis};

use super::object::Node;
use super::resample::{Grid, Plan, describe};
use super::series::Series;
use super::time::TimeAxis;
use crate::error::Result;

/// A behavioral series, all its samples that are numbers.
#[derive(Debug)]
pub(super) struct Behavior {
    node: Node,
    what: &'static str,
    unit: String,
    time: TimeAxis,
    /// `[sample, channel]`
    values: Array2<f64>,
    missing: usize,
}

impl Behavior {
    /// Reads a series; `flag` is how another one is chosen.
    pub(super) fn read(node: &Node, what: &'static str, flag: &str) -> Result<Self> {
        let series = Series::open(node)?;
        let all = series.values(0, series.time.len())?;
        let finite = |&sample: &usize| all.row(sample).iter().all(|value| value.is_finite());
        let kept: Vec<usize> = (0..all.nrows()).filter(finite).collect();
        let missing = all.nrows() - kept.len();
        if kept.is_empty() {
            return Err(
                node.problem(format!("no sample of the {what} is a number; go on without: {flag} none"))
            );
        }
        let (time, values) = if missing == 0 {
            (series.time.clone(), all)
        } else {
            (series.time.select(&kept), all.select(Axis(0), &kept))
        };
        Ok(Self { node: node.clone(), what, unit: series.unit(), time, values, missing })
    }

    /// Counts its rows.
    pub(super) fn rows(&self) -> usize {
        self.values.ncols()
    }

    /// Returns its values at some times, `[row, time]`; `Err` says why there are none.
    pub(super) fn at(&self, times: &[f64], grid: Grid) -> Result<Array2<f32>, String> {
        let plan = Plan::new(&self.time, times, grid).map_err(|why| format!("{} {why}", self.node.at))?;
        Ok(plan.apply(self.values.slice(ndarray::s![plan.first..plan.end, ..])))
    }

    /// Says what was taken and what was done to it.
    pub(super) fn note(&self, rate_hz: f64) -> String {
        let how = describe(&self.time, rate_hz);
        let missing = match self.missing {
            0 => String::new(),
            n => format!("; {n} of {} samples are no numbers and are bridged", n + self.values.nrows()),
        };
        format!("{}: {}, in {}, {how}{missing}", self.what, self.node.at, self.unit)
    }
}
