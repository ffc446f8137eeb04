//! Draws a mouse at a glance: frames of a few movies, a raster of the responses to them, running and pupil
//! below it on the same axis of time.

use std::path::Path;

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use ndarray::{Array3, ArrayView2, s};

use super::panel::{INK, LABEL_GAP, LabelledMovie, MARGIN, blank_page};
use super::plot::{Line, Panel, draw_plot_of};
use super::plot_style::{LEFT_EDGE, PAGE_WIDTH, RIGHT_EDGE};
use super::strip::{StripStyle, draw_strip};
use super::{text, write_png};
use crate::data::{Mouse, Trial, TrialSummary};
use crate::error::{Error, Result};

/// Trials that are shown.
const TRIALS: usize = 3;
/// Frames of each movie that are shown, and the most pixels that each is wide: together as wide as the page.
const COLUMNS: usize = 6;
const FRAME_WIDTH: usize = 130;
/// Rate that recordings are aligned at.
const FRAME_RATE_HZ: f64 = 30.0;
/// Frames of nothing between two trials.
const GAP: usize = 12;
/// Heights in pixels of the raster and of a panel of traces.
const RASTER_HEIGHT: u32 = 300;
const PANEL_HEIGHT: u32 = 210;
/// Share of the raster's pixels that are lighter than black.
const BELOW_BLACK: f64 = 0.99;

/// Writes a PNG of up to three trials of a mouse, spread over the recording, those without responses
/// left out.
///
/// # Errors
/// When the mouse has no trial with responses, one of those shown is damaged, or the file can't be written.
pub fn write_mouse_picture(path: &Path, mouse: &Mouse) -> Result<()> {
    let usable = |trial: &&TrialSummary| !trial.withheld && trial.tier.0 != "none";
    let usable: Vec<&TrialSummary> = mouse.trials.iter().filter(usable).collect();
    let shown = super::strip::shown_frames(usable.len(), TRIALS).into_iter().map(|at| usable[at]);
    let shown: Vec<&TrialSummary> = shown.collect();
    let trials: Vec<Trial> = shown.iter().map(|trial| mouse.read_trial(trial.id)).collect::<Result<_>>()?;
    if trials.is_empty() {
        let problem = "no trial with responses outside the tier 'none'; there is nothing to draw";
        return Err(Error::invalid(&mouse.root, problem));
    }
    let labels: Vec<String> = shown.iter().map(|trial| format!("{} {}", trial.id, trial.tier)).collect();
    let mut pieces = vec![
        DynamicImage::from(strip(&trials, &labels)?).into_rgb8(),
        DynamicImage::from(labelled_raster(mouse, &trials)).into_rgb8(),
    ];
    let panels: Vec<_> = traces(&trials).into_iter().map(|panel| (panel, Vec::new())).collect();
    if !panels.is_empty() {
        pieces.push(draw_plot_of("behavior in these trials", &panels, PANEL_HEIGHT)?);
    }
    write_png(path, &stack(&pieces).into())
}

/// Draws one row of frames for each trial, as long as the shortest.
fn strip(trials: &[Trial], labels: &[String]) -> Result<GrayImage> {
    let frames = trials.iter().map(Trial::frames).min().unwrap_or(0);
    let width = trials[0].movie.dim().2;
    // Of a large movie, a pixel of each square shows enough.
    let step = width.div_ceil(FRAME_WIDTH).max(1);
    let shown = |trial: &Trial| trial.movie.slice(s![..frames, ..;step, ..;step]).to_owned();
    let shown: Vec<Array3<f32>> = trials.iter().map(shown).collect();
    let movies: Vec<LabelledMovie> =
        shown.iter().zip(labels).map(|(movie, label)| LabelledMovie { label, movie: movie.view() }).collect();
    let width = width.div_ceil(step);
    let scale = (FRAME_WIDTH / width.max(1)).max(1) as u32;
    draw_strip(&movies, StripStyle { columns: COLUMNS, scale, frame_rate_hz: FRAME_RATE_HZ, start_s: 0.0 })
}

/// Draws the raster under a line that says what it is, where the panels' axes will be.
fn labelled_raster(mouse: &Mouse, trials: &[Trial]) -> GrayImage {
    let top = MARGIN + text::LINE_HEIGHT + LABEL_GAP;
    let mut page = blank_page((PAGE_WIDTH, top + RASTER_HEIGHT + MARGIN));
    let title = format!(
        "{}: responses of {} neurons, each to its greatest, in trials {}",
        mouse.id,
        mouse.neurons,
        trials.iter().map(|trial| trial.id.to_string()).collect::<Vec<_>>().join(", ")
    );
    text::draw(&mut page, &title, (MARGIN, MARGIN), INK);
    for (number, y) in [(0, top), (mouse.neurons - 1, top + RASTER_HEIGHT - text::LINE_HEIGHT)] {
        let label = format!("neuron {number}");
        let x = LEFT_EDGE.saturating_sub(text::width(&label) + LABEL_GAP);
        text::draw(&mut page, &label, (x, y), INK);
    }
    let responses: Vec<ArrayView2<f32>> = trials.iter().map(|trial| trial.responses.view()).collect();
    let raster = raster(&responses, (RIGHT_EDGE - LEFT_EDGE, RASTER_HEIGHT));
    image::imageops::replace(&mut page, &raster, LEFT_EDGE.into(), top.into());
    page
}

/// Draws `[neuron, frame]` of several trials one after another: each neuron on the scale of its greatest
/// response, the mean where several share a pixel, dark for active.
fn raster(trials: &[ArrayView2<f32>], (width, height): (u32, u32)) -> GrayImage {
    let neurons = trials[0].nrows();
    let scale = |neuron: usize| {
        let values = trials.iter().flat_map(|trial| trial.row(neuron));
        values.fold(0.0f32, |most, &value| most.max(value)).max(f32::MIN_POSITIVE)
    };
    let scales: Vec<f32> = (0..neurons).map(scale).collect();
    let columns = timeline(trials.iter().map(ArrayView2::ncols));
    let share = |at: u32, of: u32, count: usize| {
        let edge = |at: u32| at as usize * count / of as usize;
        edge(at)..edge(at + 1).max(edge(at) + 1)
    };
    let mut means: Vec<Option<f32>> = Vec::with_capacity((width * height) as usize);
    for y in 0..height {
        for x in 0..width {
            let (mut sum, mut count) = (0.0, 0);
            for &(trial, frame) in columns[share(x, width, columns.len())].iter().flatten() {
                for neuron in share(y, height, neurons) {
                    sum += trials[trial][[neuron, frame]].max(0.0) / scales[neuron];
                    count += 1;
                }
            }
            means.push((count > 0).then(|| sum / count as f32));
        }
    }
    let mut sorted: Vec<f32> = means.iter().flatten().copied().filter(|mean| mean.is_finite()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    // The mean of a few busy pixels would otherwise leave all others white.
    let black = sorted.get((sorted.len() as f64 * BELOW_BLACK) as usize).copied().unwrap_or(1.0);
    let black = black.max(f32::MIN_POSITIVE);
    GrayImage::from_fn(width, height, |x, y| {
        let mean = means[(y * width + x) as usize];
        Luma([mean.map_or(255, |mean| (245.0 * (1.0 - mean / black)).clamp(0.0, 245.0) as u8)])
    })
}

/// Lists what each frame of the common axis of time shows: trial and frame, or nothing between trials.
fn timeline(frames: impl Iterator<Item = usize>) -> Vec<Option<(usize, usize)>> {
    let mut columns = Vec::new();
    for (trial, frames) in frames.enumerate() {
        if trial > 0 {
            columns.extend([None; GAP]);
        }
        columns.extend((0..frames).map(|frame| Some((trial, frame))));
    }
    columns
}

/// Makes a panel of each behavioral trace, the pupil's center in one.
fn traces(trials: &[Trial]) -> Vec<Panel> {
    let columns = timeline(trials.iter().map(Trial::frames));
    let line = |label: &str, of: &dyn Fn(&Trial) -> ArrayView2<'_, f32>, row: usize| Line {
        label: label.into(),
        points: columns
            .iter()
            .enumerate()
            .map(|(at, shown)| {
                let value = shown.map_or(f32::NAN, |(trial, frame)| of(&trials[trial])[[row, frame]]);
                (at as f64 / FRAME_RATE_HZ, f64::from(value))
            })
            .collect(),
    };
    let panel = |y_label: String, lines: Vec<Line>| Panel {
        x_label: "time in these trials, one after another (s)".into(),
        y_label,
        lines,
    };
    let rows = trials[0].behavior.nrows();
    let mut panels: Vec<Panel> = (0..rows)
        .map(|row| {
            // Two rows are pupil dilation and running; any other number has no agreed meaning.
            let name = match (rows, row) {
                (2, 0) => "pupil dilation".into(),
                (2, _) => "running speed".into(),
                _ => format!("behavior row {row}"),
            };
            panel(name, vec![line("", &|trial| trial.behavior.view(), row)])
        })
        .collect();
    let center = |row: usize| {
        let name = ["x", "y"].get(row).map_or_else(|| format!("row {row}"), |name| (*name).to_string());
        line(&name, &|trial| trial.pupil_center.view(), row)
    };
    if trials[0].pupil_center.nrows() > 0 {
        let lines = (0..trials[0].pupil_center.nrows()).map(center).collect();
        panels.push(panel("pupil center".into(), lines));
    }
    panels
}

/// Sets pictures below each other on white.
fn stack(pieces: &[RgbImage]) -> RgbImage {
    let width = pieces.iter().map(RgbImage::width).max().unwrap_or(0);
    let height = pieces.iter().map(RgbImage::height).sum();
    let mut page = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    let mut top = 0;
    for piece in pieces {
        image::imageops::replace(&mut page, piece, 0, top);
        top += i64::from(piece.height());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn a_raster_is_dark_where_a_neuron_was_active_and_white_between_trials() {
        // Of four neurons the second is active in the second half of the first trial, the last in all of
        // the second trial; their units differ a hundredfold.
        let (mut first, mut second) = (Array2::<f32>::zeros((4, 40)), Array2::<f32>::zeros((4, 40)));
        first.slice_mut(s![1, 20..]).fill(0.1);
        second.slice_mut(s![3, ..]).fill(10.0);
        let width = (80 + GAP) as u32;
        let picture = raster(&[first.view(), second.view()], (width, 8));
        let level = |x: usize, y: u32| picture.get_pixel(x as u32, y).0[0];
        assert_eq!((level(10, 2), level(30, 2), level(30, 3), level(30, 4)), (245, 0, 0, 245));
        assert_eq!((level(40 + GAP + 5, 7), level(40 + GAP + 5, 2)), (0, 245));
        assert_eq!(level(45, 2), 255);
    }

    #[test]
    fn a_raster_of_silence_or_of_more_neurons_than_pixels_is_drawn() {
        let silent = Array2::<f32>::zeros((1000, 7));
        let picture = raster(&[silent.view()], (50, 30));
        assert!(picture.pixels().all(|pixel| pixel.0[0] == 245));
    }
}
