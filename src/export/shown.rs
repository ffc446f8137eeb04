//! One movie as it is exported: read from its file, with what belongs to it.

use ndarray::{Array2, Array3, ArrayView2};

use super::plan::{Item, LINEAR_DECODER, Plan, TrialItems};
use crate::data::input::{Geometry, Padding};
use crate::data::{MouseId, Trial, TrialId};
use crate::decode::Decoded;
use crate::error::{Error, Result};
use crate::evaluate::Scores;
use crate::reconstruct::raw::{RawMovie, read_raw_movies};
use crate::reconstruct::{Reconstruction, ReconstructionConfig};
use crate::report::page::run::Run;
use crate::run_folder::RECORDED;

/// A movie, and what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    pub mouse: MouseId,
    pub trial: TrialId,
    pub condition: String,
    /// Of the linear decoder: its movie, and the rest of the recorded responses' result.
    pub result: Reconstruction,
    /// Empty unless asked for.
    pub raw: Vec<RawMovie>,
}

impl Shown {
    /// Reads a movie, and with `members` the raw ones that it was made of.
    ///
    /// # Errors
    /// When a file is damaged.
    pub(super) fn read(plan: &Plan, trial: &TrialItems, item: &Item, members: bool) -> Result<Self> {
        let (mouse, id) = (trial.mouse.clone(), trial.trial);
        let linear = item.condition == LINEAR_DECODER;
        let result = if linear {
            linear_decoder(&plan.run, &mouse, id, item)?
        } else {
            Reconstruction::read(&item.file)?
        };
        let raw = match item.file.parent().filter(|_| members && !linear) {
            Some(folder) => read_raw_movies(folder, &result)?,
            None => Vec::new(),
        };
        Ok(Self { mouse, trial: id, condition: item.condition.clone(), result, raw })
    }

    /// Whether an encoder made it: the linear decoder predicts no responses and has no loss.
    pub(super) fn by_encoder(&self) -> bool {
        self.condition != LINEAR_DECODER
    }

    /// Responses predicted from it, `[neuron, frame]`; none of the linear decoder.
    pub(super) fn predicted_responses(&self) -> Option<ArrayView2<'_, f32>> {
        self.by_encoder().then(|| self.result.predicted_responses.view())
    }

    /// `[member, iteration]`; none of the linear decoder.
    pub(super) fn losses(&self) -> Option<&Array2<f64>> {
        self.by_encoder().then_some(&self.result.losses)
    }

    /// Its scores; what takes predicted responses is NaN where there are none.
    pub(super) fn scores(&self) -> Scores {
        let scores = Scores::of(&self.result);
        if self.by_encoder() {
            return scores;
        }
        Scores { response_correlation: f64::NAN, response_loss: f64::NAN, ..scores }
    }

    /// Where files of this trial start: `MOUSE_trial_N`.
    pub(super) fn stem(&self) -> String {
        format!("{}_trial_{}", self.mouse, self.trial)
    }

    /// What its file is called: `reconstruction`, or its condition.
    pub(super) fn what(&self) -> String {
        if self.condition == RECORDED { "reconstruction".into() } else { self.condition.replace('/', "_") }
    }

    /// What the file of a raw movie of it is called.
    pub(super) fn raw_name(&self, raw: &RawMovie) -> String {
        let name = raw.member.map_or("unfiltered".to_string(), |member| format!("member_{member}"));
        if self.condition == RECORDED { name } else { format!("{}_{name}", self.what()) }
    }

    /// Names the ground truth of this movie; none when the `first` one of the trial has the same.
    pub(super) fn new_truth(&self, first: Option<&Self>) -> Option<String> {
        let same = |first: &Self| {
            first.result.first_frame == self.result.first_frame
                && first.result.ground_truth == self.result.ground_truth
        };
        self.unless(first.map(same), "ground_truth")
    }

    /// Names the mask of this movie; none when the `first` one of the trial has the same.
    pub(super) fn new_mask(&self, first: Option<&Self>) -> Option<String> {
        self.unless(first.map(|first| first.result.mask == self.result.mask), "mask")
    }

    /// Names what is the trial's own or, where this movie has another one, the movie's.
    fn unless(&self, same: Option<bool>, name: &str) -> Option<String> {
        match same {
            None => Some(name.into()),
            Some(true) => None,
            Some(false) => Some(format!("{}_{name}", self.what())),
        }
    }

    /// What the mouse saw, mid-grey where pixels are not scored: to be looked at beside the reconstruction.
    pub(super) fn masked_truth(&self) -> Array3<f32> {
        let (mut truth, mask) = (self.result.ground_truth.clone(), self.result.scored());
        for mut frame in truth.outer_iter_mut() {
            frame.zip_mut_with(&mask, |pixel, &seen| {
                if !seen {
                    *pixel = crate::metric::MID_GRAY;
                }
            });
        }
        truth
    }

    /// Seconds from the start of the trial to a frame of it.
    pub(super) fn seconds(&self, frame: usize) -> f64 {
        frame as f64 / self.result.frame_rate_hz
    }
}

/// Shows the linear decoder's movie as the reconstruction of the same trial is shown.
fn linear_decoder(run: &Run, mouse: &MouseId, trial: TrialId, item: &Item) -> Result<Reconstruction> {
    let decoded = Decoded::read(&item.file)?;
    let recorded = Reconstruction::read(&run.folder.ensemble(RECORDED, mouse, trial))?;
    let (frames, height, width) = recorded.movie.dim();
    let found = decoded.movie.dim();
    if found != (recorded.first_frame + frames, height, width) {
        let problem = format!("a movie of {found:?} frames, rows and columns; its trial has another size");
        return Err(Error::invalid(&item.file, problem));
    }
    let geometry = Geometry::new([height, width], [height, width], Padding::Center)?;
    let config = ReconstructionConfig {
        skip_frames: recorded.first_frame,
        filter_sigma: filter_sigma(run)?,
        ..ReconstructionConfig::default()
    };
    let movie = decoded.shown_as(&recorded, geometry, &config);
    Ok(Reconstruction { movie, settings: decoded.settings, ..recorded })
}

/// The filter of the run's reconstructions.
fn filter_sigma(run: &Run) -> Result<[f64; 3]> {
    let listed = run.setting("reconstruction", "filter_sigma").and_then(toml::Value::as_array);
    let numbers: Option<Vec<f64>> = listed.and_then(|list| list.iter().map(toml::Value::as_float).collect());
    numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| {
        let problem = "has no reconstruction.filter_sigma of three numbers, which the linear decoder's movie is \
            filtered with; leave out linear_decoder";
        Error::invalid(run.folder.path().join("experiment.toml"), problem)
    })
}

/// Reads what was recorded of a trial beside its movie: running and pupil.
///
/// # Errors
/// Why it can't be read: a recording may have been moved since.
pub(super) fn recorded(run: &Run, mouse: &MouseId, trial: TrialId) -> Result<Trial, String> {
    let recording = run.recording(mouse).map_err(str::to_string)?;
    recording.read_trial(trial).map_err(|error| error.to_string())
}
