//! `v1reel inspect`: shows what is in a recording.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::args::InspectArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::table::Table;
use crate::data::Mouse;
use crate::error::Result;

/// Trials that are read in full for the statistics.
const SAMPLED_TRIALS: usize = 10;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    mouse: String,
    neurons: usize,
    height: usize,
    width: usize,
    behavior_rows: usize,
    pupil_center_rows: usize,
    trials: usize,
    trials_by_tier: BTreeMap<String, usize>,
    frames_min: usize,
    frames_max: usize,
    sampled_trials: usize,
    movie: Statistics,
    responses: Statistics,
    behavior: Vec<Statistics>,
    pupil_center: Vec<Statistics>,
}

/// Mean, standard deviation and range over the sampled trials.
#[derive(Debug, Serialize)]
struct Statistics {
    mean: f64,
    sd: f64,
    min: f64,
    max: f64,
}

impl Statistics {
    fn of(values: impl Iterator<Item = f32>) -> Self {
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.map(f64::from) {
            count += 1.0;
            sum += value;
            squares += value * value;
            (min, max) = (min.min(value), max.max(value));
        }
        let mean = sum / count;
        Self { mean, sd: (squares / count - mean * mean).max(0.0).sqrt(), min, max }
    }

    fn cells(&self, name: &str) -> Vec<String> {
        let numbers = [self.mean, self.sd, self.min, self.max].map(|value| format!("{value:.2}"));
        std::iter::once(name.to_string()).chain(numbers).collect()
    }
}

/// Inspects.
///
/// # Errors
/// When the folder is no mouse, or one of the sampled trials is damaged.
pub fn run(args: &InspectArgs, _: &Session) -> Result<()> {
    let summary = summarise(&Mouse::open(&args.mouse)?)?;
    if args.json {
        return output::json(&summary);
    }
    let tiers: Vec<String> = summary.trials_by_tier.iter().map(|(tier, n)| format!("{n} {tier}")).collect();
    output::line(format!(
        "{}: {} neurons, {} trials ({}) of {} to {} frames, movies of {} x {} pixels",
        summary.mouse,
        summary.neurons,
        summary.trials,
        tiers.join(", "),
        summary.frames_min,
        summary.frames_max,
        summary.height,
        summary.width
    ))?;
    let mut table = Table::new(
        [&format!("in {} trials", summary.sampled_trials), "mean", "sd", "min", "max"].map(|s| s.to_string()),
    );
    table.row(summary.movie.cells("movie (grey level)")).row(summary.responses.cells("responses"));
    let names = ["pupil dilation", "running speed"];
    for (row, statistics) in summary.behavior.iter().enumerate() {
        // Two rows are pupil dilation and running; any other number has no agreed meaning.
        let name = if summary.behavior_rows == 2 { names[row].into() } else { format!("behavior row {row}") };
        table.row(statistics.cells(&name));
    }
    for (row, statistics) in summary.pupil_center.iter().enumerate() {
        table.row(statistics.cells(&format!("pupil center {}", ["x", "y"].get(row).unwrap_or(&"?"))));
    }
    output::line(table)
}

fn summarise(mouse: &Mouse) -> Result<Summary> {
    let mut trials_by_tier = BTreeMap::new();
    for trial in &mouse.trials {
        *trials_by_tier.entry(trial.tier.to_string()).or_insert(0) += 1;
    }
    let step = mouse.trials.len().div_ceil(SAMPLED_TRIALS).max(1);
    let sampled = mouse
        .trials
        .iter()
        .filter(|trial| !trial.withheld)
        .step_by(step)
        .map(|trial| mouse.read_trial(trial.id))
        .collect::<Result<Vec<_>>>()?;
    let frames = || mouse.trials.iter().map(|trial| trial.frames);
    let rows = |count: usize, pick: &dyn Fn(usize) -> Statistics| (0..count).map(pick).collect();
    Ok(Summary {
        mouse: mouse.id.to_string(),
        neurons: mouse.neurons,
        height: mouse.frame_size[0],
        width: mouse.frame_size[1],
        behavior_rows: mouse.behavior_rows,
        pupil_center_rows: mouse.pupil_center_rows,
        trials: mouse.trials.len(),
        trials_by_tier,
        frames_min: frames().min().unwrap_or(0),
        frames_max: frames().max().unwrap_or(0),
        sampled_trials: sampled.len(),
        movie: Statistics::of(sampled.iter().flat_map(|trial| trial.movie.iter().copied())),
        responses: Statistics::of(sampled.iter().flat_map(|trial| trial.responses.iter().copied())),
        behavior: rows(mouse.behavior_rows, &|row| {
            Statistics::of(sampled.iter().flat_map(|trial| trial.behavior.row(row).to_vec()))
        }),
        pupil_center: rows(mouse.pupil_center_rows, &|row| {
            Statistics::of(sampled.iter().flat_map(|trial| trial.pupil_center.row(row).to_vec()))
        }),
    })
}
