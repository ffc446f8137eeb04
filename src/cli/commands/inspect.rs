//! `v1reel inspect`: shows what is in a recording.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::cli::args::InspectArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::table::Table;
use crate::data::movies::{group_by_movie, movie_prints};
use crate::data::{Mouse, Tier, TrialId};
use crate::error::Result;
use crate::event::Event;
use crate::report::mouse_picture::write_mouse_picture;

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
    /// Movies that differ, over all trials; unknown when one can't be read.
    movies: Option<usize>,
    movies_by_tier: Option<BTreeMap<String, usize>>,
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
pub fn run(args: &InspectArgs, session: &Session) -> Result<()> {
    let mouse = Mouse::open(&args.mouse)?;
    let summary = summarise(&mouse, session)?;
    if let Some(picture) = &args.picture {
        write_mouse_picture(picture, &mouse)?;
    }
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
    output::line(table)?;
    output::line(repeats_table(&summary))
}

/// Says for each tier how many movies its trials show, and how many trials show one again.
fn repeats_table(summary: &Summary) -> Table {
    let mut table = Table::new(["tier", "trials", "movies", "repeats"]);
    let mut row = |tier: &str, trials: usize, movies: Option<usize>| {
        let known = |count: Option<usize>| count.map_or_else(|| "?".to_string(), |count| count.to_string());
        let repeats = movies.map(|movies| trials - movies);
        table.row([tier.to_string(), trials.to_string(), known(movies), known(repeats)]);
    };
    for (tier, &trials) in &summary.trials_by_tier {
        row(tier, trials, summary.movies_by_tier.as_ref().and_then(|movies| movies.get(tier)).copied());
    }
    row("all", summary.trials, summary.movies);
    table
}

/// Counts the movies that differ, over all trials and by tier.
fn count_movies(mouse: &Mouse) -> Result<(usize, BTreeMap<String, usize>)> {
    let trials: Vec<(&Mouse, TrialId)> = mouse.trials.iter().map(|trial| (mouse, trial.id)).collect();
    let groups = group_by_movie(&movie_prints(&trials)?);
    let mut by_tier: BTreeMap<String, usize> = BTreeMap::new();
    for group in &groups {
        let tiers: BTreeSet<&Tier> = group.iter().map(|&at| &mouse.trials[at].tier).collect();
        tiers.into_iter().for_each(|tier| *by_tier.entry(tier.to_string()).or_default() += 1);
    }
    Ok((groups.len(), by_tier))
}

fn summarise(mouse: &Mouse, session: &Session) -> Result<Summary> {
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
    let (movies, movies_by_tier) = match count_movies(mouse) {
        Ok((movies, by_tier)) => (Some(movies), Some(by_tier)),
        Err(error) => {
            let message =
                format!("repeats are unknown: {error}; `v1reel data verify` names all that is broken");
            session.observer().emit(Event::Warning { message });
            (None, None)
        }
    };
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
        movies,
        movies_by_tier,
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
