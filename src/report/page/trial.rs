//! One trial as all runs reconstructed it: what the page loads when somebody looks at it.

use std::path::Path;

use ndarray::{Array3, ArrayView2, ArrayView3};
use serde::Serialize;

use super::ReportOptions;
use super::number::{short, shorten};
use super::overview::ShownTrial;
use super::packed::{self, PackedMovie};
use super::run::{Run, results};
use super::scored::Scored;
use super::traces::{Population, Trace, behavior};
use crate::error::{Error, Result};
use crate::metric::correlation::frame_correlations;
use crate::metric::luminance::luminance_and_contrast;
use crate::reconstruct::Reconstruction;
use crate::reconstruct::raw::{RawMovie, read_raw_movies};

/// A trial.
#[derive(Debug, Serialize)]
pub(crate) struct TrialMovies {
    /// Frames of the whole trial.
    frames: usize,
    frame_rate_hz: f64,
    height: usize,
    width: usize,
    /// What the mouse watched.
    truth: PackedMovie,
    /// Empty when the recording is gone or has none.
    behavior: Vec<Trace>,
    /// Why there is none.
    behavior_note: Option<String>,
    /// One for each run of the report.
    runs: Vec<Option<RunMovies>>,
}

/// What one run made of it.
#[derive(Debug, Serialize)]
struct RunMovies {
    reconstruction: PackedMovie,
    /// From responses shuffled between neurons.
    control: Option<PackedMovie>,
    /// Factor and summand that give the reconstruction the luminance and contrast of the truth.
    match_truth: [Option<f64>; 2],
    /// The control's.
    control_match_truth: Option<[Option<f64>; 2]>,
    /// Base64 of `[height, width]`: 1 where pixels are scored.
    mask: String,
    frame_correlation: Vec<Option<f64>>,
    control_frame_correlation: Option<Vec<Option<f64>>>,
    population: Population,
    /// One line for each member, or one for all of them together.
    losses: Vec<Vec<Option<f64>>>,
    control_loss: Option<Vec<Option<f64>>>,
}

/// Movies of the single members, or of all before the filter, one list for each run.
#[derive(Debug, Serialize)]
pub(super) struct MemberMovies {
    runs: Vec<Vec<MemberMovie>>,
}

#[derive(Debug, Serialize)]
struct MemberMovie {
    name: String,
    movie: PackedMovie,
}

type Read = (TrialMovies, Option<MemberMovies>, Vec<Option<Scored>>);

/// Reads a trial from all runs that have it.
///
/// # Errors
/// When a result can't be read, or two runs' results can't be shown together.
pub(super) fn read(runs: &[Run], shown: &ShownTrial, options: ReportOptions) -> Result<Read> {
    let mut first: Option<Reconstruction> = None;
    let (mut movies, mut members, mut scores) = (Vec::new(), Vec::new(), Vec::new());
    for (run, &there) in runs.iter().zip(&shown.in_runs) {
        if !there {
            movies.push(None);
            members.push(Vec::new());
            scores.push(None);
            continue;
        }
        let [path, control] = results(run, &shown.mouse, shown.trial);
        let result = Reconstruction::read(&path)?;
        let control = control.exists().then(|| Reconstruction::read(&control)).transpose()?;
        let control = control.filter(|control| control.movie.dim() == result.movie.dim());
        fits(first.as_ref(), &result, &path)?;
        movies.push(Some(RunMovies::new(&result, control.as_ref())?));
        let folder = path.parent().unwrap_or(run.folder.path());
        members.push(if options.members { member_movies(folder, &result)? } else { Vec::new() });
        scores.push(Some(Scored::new(run, &shown.mouse, shown.trial, &result, control.as_ref())));
        // The longest truth is shown.
        if first.as_ref().is_none_or(|first| result.first_frame < first.first_frame) {
            first = Some(result);
        }
    }
    let first = first.ok_or_else(|| Error::Failed(format!("no run has trial {}", shown.trial)))?;
    let (behavior, behavior_note) = read_behavior(runs, shown);
    let (_, height, width) = first.movie.dim();
    let movies = TrialMovies {
        frames: first.responses.ncols(),
        frame_rate_hz: first.frame_rate_hz,
        height,
        width,
        truth: packed::movie(first.ground_truth.view(), first.first_frame)?,
        behavior,
        behavior_note,
        runs: movies,
    };
    let any = members.iter().any(|members| !members.is_empty());
    Ok((movies, any.then_some(MemberMovies { runs: members }), scores))
}

impl TrialMovies {
    /// One result by itself, with the behavior beside it.
    ///
    /// # Errors
    /// When it can't be compressed.
    pub(crate) fn of_one(result: &Reconstruction, behavior: Vec<Trace>) -> Result<Self> {
        let (_, height, width) = result.movie.dim();
        Ok(Self {
            frames: result.responses.ncols(),
            frame_rate_hz: result.frame_rate_hz,
            height,
            width,
            truth: packed::movie(result.ground_truth.view(), result.first_frame)?,
            behavior,
            behavior_note: None,
            runs: vec![Some(RunMovies::new(result, None)?)],
        })
    }
}

/// Two results of one trial are of the same frames.
fn fits(first: Option<&Reconstruction>, result: &Reconstruction, path: &Path) -> Result<()> {
    let size = |result: &Reconstruction| {
        let (_, height, width) = result.movie.dim();
        [result.responses.ncols(), height, width]
    };
    match first {
        Some(first) if size(first) != size(result) => {
            let ([a, b, c], [d, e, f]) = (size(result), size(first));
            let problem = format!(
                "frames, height, width are {a}, {b}, {c}; in another run of the same recording {d}, {e}, {f}; \
                 report on them one by one"
            );
            Err(Error::invalid(path, problem))
        }
        _ => Ok(()),
    }
}

impl RunMovies {
    fn new(result: &Reconstruction, control: Option<&Reconstruction>) -> Result<Self> {
        let mask = result.scored();
        let truth = result.ground_truth.view();
        let correlations =
            |movie: &Array3<f32>| shorten(frame_correlations(truth, movie.view(), mask.view()));
        let matching = |movie: &Array3<f32>| matching(truth, movie.view(), mask.view());
        Ok(Self {
            reconstruction: packed::movie(result.movie.view(), result.first_frame)?,
            control: control
                .map(|control| packed::movie(control.movie.view(), control.first_frame))
                .transpose()?,
            match_truth: matching(&result.movie),
            control_match_truth: control.map(|control| matching(&control.movie)),
            mask: packed::plain(&result.mask.iter().copied().collect::<Vec<u8>>()),
            frame_correlation: correlations(&result.movie),
            control_frame_correlation: control.map(|control| correlations(&control.movie)),
            population: Population::new(result.responses.view(), result.predicted_responses.view())?,
            losses: result.losses.outer_iter().map(|losses| shorten(losses.iter().copied())).collect(),
            control_loss: control.map(|control| shorten(control.mean_losses())),
        })
    }
}

/// Factor and summand that give a movie the luminance and contrast of the truth.
pub(crate) fn matching(
    truth: ArrayView3<f32>,
    movie: ArrayView3<f32>,
    mask: ArrayView2<bool>,
) -> [Option<f64>; 2] {
    let (mean, contrast) = luminance_and_contrast(movie, mask);
    let (true_mean, true_contrast) = luminance_and_contrast(truth, mask);
    let gain = true_contrast / contrast;
    [gain, true_mean - gain * mean].map(short)
}

/// Reads the behavior from the first recording that is still there.
fn read_behavior(runs: &[Run], shown: &ShownTrial) -> (Vec<Trace>, Option<String>) {
    let mut note = None;
    for (run, _) in runs.iter().zip(&shown.in_runs).filter(|(_, there)| **there) {
        let found = run.recording(&shown.mouse).map_err(str::to_string);
        match found.and_then(|mouse| mouse.read_trial(shown.trial).map_err(|e| e.to_string())) {
            Ok(trial) => {
                let traces = behavior(trial.behavior.view(), trial.pupil_center.view());
                let none = || "neither running nor the pupil was recorded".to_string();
                return (traces.clone(), traces.is_empty().then(none));
            }
            Err(problem) => note = Some(problem),
        }
    }
    (Vec::new(), note)
}

/// Reads the raw movies that the result was made of.
fn member_movies(folder: &Path, result: &Reconstruction) -> Result<Vec<MemberMovie>> {
    let shown = |raw: RawMovie| {
        let movie = packed::movie(raw.movie.view(), result.first_frame)?;
        let name = raw.member.map_or("all members, not filtered".into(), |number| format!("member {number}"));
        Ok(MemberMovie { name, movie })
    };
    read_raw_movies(folder, result)?.into_iter().map(shown).collect()
}
