//! Reconstructions of Gaussian noise from the responses predicted to it.

use serde_json::json;

use super::Probe;
use crate::cli::commands::reconstruct::reconstruct_keeping_one;
use crate::cli::output;
use crate::cli::table::Table;
use crate::data::MouseId;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::probe::resolution::{NoiseCell, NoiseScore, NoiseTarget, cells, noise_targets};
use crate::probe::table::write_noise;
use crate::reconstruct::{Condition, Population, Reconstruction, TrialPlan, window};
use crate::report::probe_picture::write_noise_picture;

/// Says what the reconstructions will cost, and checks that they can be made.
///
/// # Errors
/// When a mouse has no transparency mask or the movies are too short.
pub fn announce(probes: &[Probe<'_>]) -> Result<()> {
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
        let targets = noise_targets(&experiment.probe, probe.presentation()?.frame_size())?;
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
            "Gaussian noise: {movies} movies are reconstructed in {iterations} iterations, {clips} gradients of clips, but \
             for those that are there already"
        );
        probe.run.observer.emit(Event::Note { message });
    }
    Ok(())
}

/// Reconstructs all noise of a mouse, scores it, writes table and picture.
///
/// # Errors
/// Whatever the stages return.
pub fn ask(probe: &Probe<'_>) -> Result<Vec<NoiseCell>> {
    let experiment = &probe.workspace.experiment;
    let mouse = probe.mouse();
    let folder = probe.workspace.folder.probe(mouse);
    let targets = noise_targets(&experiment.probe, probe.presentation()?.frame_size())?;
    let task = || format!("noise {mouse}");
    let steps = targets.len() as u64;
    probe.run.observer.emit(Event::Started { task: task(), steps, unit: "reconstructions" });
    let mut scores: Vec<NoiseScore> = Vec::new();
    for target in &targets {
        let result = reconstruction(probe, target)?;
        scores.push(target.score(&result, probe.light(), &experiment.seed));
        let step = scores.len() as u64;
        probe.run.observer.emit(Event::Progress { task: task(), step, loss: None });
    }
    probe.run.observer.emit(Event::Finished { task: task() });
    write_noise(&folder.join("noise.csv"), &scores)?;
    let cells = cells(&scores);
    write_noise_picture(&folder.join("noise.png"), &format!("mouse {mouse}"), &cells)?;
    Ok(cells)
}

/// Reconstructs one movie, or takes what is there.
fn reconstruction(probe: &Probe<'_>, target: &NoiseTarget) -> Result<Reconstruction> {
    probe.run.stop.check()?;
    let experiment = &probe.workspace.experiment;
    let presentation = probe.presentation()?;
    let trial =
        target.trial(&presentation, experiment.probe.noise_frames, probe.light(), &experiment.seed)?;
    let folder = probe.workspace.folder.probe(probe.mouse()).join("noise").join(target.name());
    let mut settings = probe.workspace.facts(probe.index, probe.members)?;
    settings["probe"] = json!({ "noise": hash(&trial.movie), "behavior": hash(&trial.behavior) });
    let settings = settings.to_string();
    let label = format!("noise {}", target.name());
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
pub fn print<'a>(mice: impl Iterator<Item = (&'a MouseId, &'a [NoiseCell])>) -> Result<()> {
    for (mouse, cells) in mice.filter(|(_, cells)| !cells.is_empty()) {
        output::line(format!(
            "\nPixel correlation of reconstructed Gaussian noise, mouse {mouse}; control: noise that was not shown, {:.3}",
            cells.iter().map(|cell| cell.another_movie).sum::<f64>() / cells.len() as f64
        ))?;
        let rows: Vec<&[NoiseCell]> = cells.chunk_by(|a, b| a.space_px == b.space_px).collect();
        let heading = rows[0].iter().map(|cell| format!("{} frames", cell.time_frames));
        let mut table = Table::new(std::iter::once("space".to_string()).chain(heading));
        for row in rows {
            let numbers = row.iter().map(|cell| format!("{:.3}", cell.pixel_correlation));
            table.row(std::iter::once(format!("{} px", row[0].space_px)).chain(numbers));
        }
        output::line(table)?;
    }
    Ok(())
}
