//! Reconstructions of made-up movies from the responses predicted to them.

use serde_json::json;

use super::Probe;
use crate::cli::commands::reconstruct::reconstruct_keeping_one;
use crate::cli::linear::{LinearDecoders, LinearGuess};
use crate::cli::output;
use crate::cli::table::Table;
use crate::data::MouseId;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::probe::resolution::{GridCell, Target, TargetScore, cells, grating_targets, noise_targets, rows};
use crate::probe::table::write_scores;
use crate::reconstruct::{Condition, Guess, Population, Reconstruction, TrialPlan, window};
use crate::report::probe_picture::{Grid, write_grid_picture};

/// Which movies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movies {
    /// Gaussian noise.
    Noise,
    /// Drifting gratings.
    Gratings,
}

impl Movies {
    /// Names files.
    const fn name(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Gratings => "grating_movies",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Noise => "Gaussian noise",
            Self::Gratings => "drifting gratings",
        }
    }

    /// Names the columns of the table: places of the grid in space and in time.
    const fn axes(self) -> [&'static str; 2] {
        match self {
            Self::Noise => ["space_px", "time_frames"],
            Self::Gratings => ["cycles_per_px", "cycles_per_second"],
        }
    }

    const fn units(self) -> [&'static str; 2] {
        match self {
            Self::Noise => ["px", "frames"],
            Self::Gratings => ["c/px", "Hz"],
        }
    }

    fn targets(self, probe: &Probe<'_>) -> Result<Vec<Target>> {
        let (experiment, size) = (&probe.workspace.experiment, probe.presentation()?.frame_size());
        match self {
            Self::Noise => noise_targets(&experiment.probe, size),
            Self::Gratings => grating_targets(&experiment.probe, size[1], experiment.data.frame_rate_hz),
        }
    }
}

/// Says what the reconstructions will cost, and checks that they can be made.
///
/// # Errors
/// When a mouse has no transparency mask or the movies are too short.
pub fn announce(kind: Movies, probes: &[Probe<'_>]) -> Result<()> {
    let (mut movies, mut clips) = (0, 0);
    for probe in probes {
        let experiment = &probe.workspace.experiment;
        let (frames, window) = (experiment.probe.noise_frames, experiment.clip.window());
        let least = window.max(experiment.reconstruction.skip_frames + 2);
        if frames < least {
            return Err(Error::usage(format!(
                "probe.noise_frames is {frames}, expected at least {least}: a window, and more than \
                 reconstruction.skip_frames"
            )));
        }
        probe.workspace.mask(probe.index)?;
        let targets = kind.targets(probe)?;
        let mut windows = window::starts(frames, window, experiment.reconstruction.stride)?;
        windows.dedup();
        movies += targets.len();
        clips += targets.len()
            * windows.len()
            * experiment.clip.step
            * experiment.reconstruction.iterations
            * probe.members.len();
    }
    if let Some(probe) = probes.first() {
        let iterations = probe.workspace.experiment.reconstruction.iterations;
        let message = format!(
            "{}: {movies} movies are reconstructed in {iterations} iterations, {clips} gradients of clips, but \
             for those that are there already",
            kind.words()
        );
        probe.run.observer.emit(Event::Note { message });
    }
    Ok(())
}

/// Reconstructs all movies for a mouse, scores them, writes table and picture.
///
/// # Errors
/// Whatever the stages return.
pub fn ask(kind: Movies, probe: &Probe<'_>) -> Result<Vec<GridCell>> {
    let experiment = &probe.workspace.experiment;
    let mouse = probe.mouse();
    let folder = probe.workspace.folder.probe(mouse);
    let targets = kind.targets(probe)?;
    let task = || format!("{} {mouse}", kind.words());
    let steps = targets.len() as u64;
    probe.run.observer.emit(Event::Started { task: task(), steps, unit: "reconstructions" });
    let mut scores: Vec<TargetScore> = Vec::new();
    let decoders = LinearDecoders::new(probe.workspace, &probe.run.observer, &probe.run.stop);
    let guess = LinearGuess { decoders, index: probe.index, trial: None };
    for target in &targets {
        let result = reconstruction(kind, probe, target, &guess)?;
        scores.push(target.score(&result, probe.light(), &experiment.seed));
        let step = scores.len() as u64;
        probe.run.observer.emit(Event::Progress { task: task(), step, loss: None });
    }
    probe.run.observer.emit(Event::Finished { task: task() });
    write_scores(&folder.join(format!("{}.csv", kind.name())), kind.axes(), &scores)?;
    let cells = cells(&scores);
    let time = match kind {
        Movies::Noise => "length constant in time (frames); in space from top to bottom",
        Movies::Gratings => "temporal frequency (Hz); spatial frequency from top to bottom (cycles/px)",
    };
    let title = format!("mouse {mouse}: pixel correlation of reconstructed {}", kind.words());
    let grid = Grid { title: &title, space: kind.units()[0], time, cells: &cells };
    write_grid_picture(&folder.join(format!("{}.png", kind.name())), grid)?;
    Ok(cells)
}

/// Reconstructs one movie, or takes what is there.
fn reconstruction(
    kind: Movies,
    probe: &Probe<'_>,
    target: &Target,
    guess: &dyn Guess,
) -> Result<Reconstruction> {
    probe.run.stop.check()?;
    let experiment = &probe.workspace.experiment;
    let presentation = probe.presentation()?;
    let trial =
        target.trial(&presentation, experiment.probe.noise_frames, probe.light(), &experiment.seed)?;
    let folder = probe.workspace.folder.probe(probe.mouse()).join(kind.name()).join(target.name());
    let mut settings = probe.workspace.facts(probe.index, probe.members)?;
    settings["probe"] = json!({ "movie": hash(&trial.movie), "behavior": hash(&trial.behavior) });
    let settings = settings.to_string();
    let label = format!("{} {}", kind.words(), target.name());
    let mask = probe.workspace.mask(probe.index)?;
    let plan = TrialPlan {
        mouse: probe.mouse(),
        readout: probe.index,
        members: probe.members,
        trial: &trial,
        transparency: &mask,
        geometry: presentation.geometry,
        clip: experiment.clip,
        config: &experiment.reconstruction,
        guess,
        condition: Condition::Recorded,
        population: Population::all(),
        label: &label,
        seed: &experiment.seed,
        frame_rate_hz: experiment.data.frame_rate_hz,
        settings: &settings,
        stop: &probe.run.stop,
    };
    reconstruct_keeping_one(&plan, &folder, probe.ensemble, probe.run)
}

fn hash<D: ndarray::Dimension>(values: &ndarray::Array<f32, D>) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    blake3::hash(&bytes).to_hex().to_string()
}

/// Prints the grid of every mouse, if there is one.
///
/// # Errors
/// When standard output can't be written to.
pub fn print<'a>(kind: Movies, mice: impl Iterator<Item = (&'a MouseId, &'a [GridCell])>) -> Result<()> {
    for (mouse, cells) in mice.filter(|(_, cells)| !cells.is_empty()) {
        output::line(format!(
            "\nPixel correlation of reconstructed {}, mouse {mouse}; control: a movie that was not shown, {:.3}",
            kind.words(),
            cells.iter().map(|cell| cell.another_movie).sum::<f64>() / cells.len() as f64
        ))?;
        let [space, time] = kind.units();
        let rows = rows(cells);
        let heading = rows[0].iter().map(|cell| format!("{} {time}", cell.place[1]));
        let mut table = Table::new(std::iter::once("space".to_string()).chain(heading));
        for row in rows {
            let numbers = row.iter().map(|cell| format!("{:.3}", cell.pixel_correlation));
            table.row(std::iter::once(format!("{:.4} {space}", row[0].place[0])).chain(numbers));
        }
        output::line(table)?;
    }
    Ok(())
}
