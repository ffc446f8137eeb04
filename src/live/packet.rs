//! What the page asks for, as JSON: how the run stands, the movie in work, movies that are done.

use std::sync::Arc;

use ndarray::ArrayView2;
use serde::{Serialize, Serializer};

use super::board::Phase;
use super::developed::Developed;
use crate::error::{Error, Result};
use crate::event::{Glimpse, Scene};
use crate::reconstruct::Reconstruction;
use crate::report::page::number::shorten;
use crate::report::page::packed::{self, PackedMovie};
use crate::report::page::traces::{Trace, behavior};
use crate::report::page::trial::{TrialMovies, matching};

/// How everything stands.
#[derive(Serialize)]
pub(super) struct State {
    pub name: String,
    pub phase: Phase,
    /// Reconstructions to make.
    pub planned: usize,
    /// And made.
    pub done_count: usize,
    pub done: Vec<ListedTrial>,
    pub now: Option<Now>,
}

impl Serialize for Phase {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let (name, why) = match self {
            Self::Running => ("running", None),
            Self::Done => ("done", None),
            Self::Interrupted => ("interrupted", None),
            Self::Failed(why) => ("failed", Some(why)),
        };
        (name, why).serialize(serializer)
    }
}

/// What is in work.
#[derive(Serialize)]
pub(super) struct Now {
    scene: u64,
    mouse: String,
    trial: u32,
    label: String,
    movie: usize,
    movies: usize,
    step: usize,
    steps: usize,
    /// Until this movie is done; none before the first iteration was.
    seconds_left: Option<f64>,
    /// Until all are.
    seconds_left_in_all: Option<f64>,
}

/// Sums up what is in work; so many trials, with this one, are not done.
pub(super) fn now(glimpse: &Glimpse, scene_number: u64, trials_left: usize) -> Now {
    let scene = &glimpse.scene;
    let (left, in_all) = time_left(scene, glimpse.step, trials_left);
    Now {
        scene: scene_number,
        mouse: scene.mouse.clone(),
        trial: scene.trial,
        label: scene.label.clone(),
        movie: scene.movie,
        movies: scene.movies,
        step: glimpse.step,
        steps: scene.steps,
        seconds_left: left,
        seconds_left_in_all: in_all,
    }
}

/// Seconds until a movie is done, and until all are, at the rate of this one.
fn time_left(scene: &Scene, step: usize, trials_left: usize) -> (Option<f64>, Option<f64>) {
    if step == 0 {
        return (None, None);
    }
    let each = scene.started.elapsed().as_secs_f64() / step as f64;
    let left = scene.steps.saturating_sub(step) as f64 * each;
    let movies_after =
        scene.movies.saturating_sub(scene.movie + 1) + trials_left.saturating_sub(1) * scene.movies;
    (Some(left), Some(left + movies_after as f64 * scene.steps as f64 * each))
}

/// What stays while a movie is made: the report's words for it.
#[derive(Serialize)]
struct ScenePacket<'a> {
    scene: u64,
    mouse: &'a str,
    trial: u32,
    label: &'a str,
    movie: usize,
    movies: usize,
    frames: usize,
    frame_rate_hz: f64,
    height: usize,
    width: usize,
    truth: PackedMovie,
    mask: String,
    behavior: Vec<Trace>,
    mean_response: Vec<Option<f64>>,
}

/// Packs what stays while a movie is made.
pub(super) fn scene(developed: &Developed) -> Result<String> {
    let scene = &developed.scene;
    let (_, height, width) = scene.ground_truth.dim();
    json(&ScenePacket {
        scene: developed.scene_number,
        mouse: &scene.mouse,
        trial: scene.trial,
        label: &scene.label,
        movie: scene.movie,
        movies: scene.movies,
        frames: scene.mean_response.len(),
        frame_rate_hz: scene.frame_rate_hz,
        height,
        width,
        truth: packed::movie(scene.ground_truth.view(), scene.first_frame)?,
        mask: packed::plain(&scene.mask.iter().map(|&scored| u8::from(scored)).collect::<Vec<_>>()),
        behavior: behavior(scene.behavior.view(), scene.pupil_center.view()),
        mean_response: shorten(scene.mean_response.iter().map(|&value| f64::from(value))),
    })
}

/// The movie in work.
#[derive(Serialize)]
struct MoviePacket<'a> {
    scene: u64,
    look: u64,
    step: usize,
    reconstruction: PackedMovie,
    match_truth: [Option<f64>; 2],
    frame_correlation: &'a [Option<f64>],
    pixel_correlation: Option<f64>,
    /// Iterations done, and pixel correlation then.
    course: &'a [(usize, Option<f64>)],
    losses: Vec<Option<f64>>,
    response_correlations: Vec<Option<f64>>,
}

/// Packs the movie in work.
pub(super) fn movie(developed: &Developed) -> Result<String> {
    let scene = &developed.scene;
    json(&MoviePacket {
        scene: developed.scene_number,
        look: developed.look,
        step: developed.step,
        reconstruction: packed::movie(developed.movie.view(), scene.first_frame)?,
        match_truth: matching(scene.ground_truth.view(), developed.movie.view(), scene.mask.view()),
        frame_correlation: &developed.frame_correlation,
        pixel_correlation: developed.pixel_correlation,
        course: &developed.course,
        losses: shorten(developed.losses.iter().copied()),
        response_correlations: shorten(developed.response_correlations.iter().copied()),
    })
}

/// Packs a result as the report does.
pub(super) fn done(
    result: &Reconstruction,
    rows: ArrayView2<f32>,
    pupil_center: ArrayView2<f32>,
) -> Result<String> {
    json(&TrialMovies::of_one(result, behavior(rows, pupil_center))?)
}

/// Puts a value as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Failed(format!("can't be put as JSON: {e}")))
}

/// A trial that is done.
pub(super) struct DoneTrial {
    pub id: usize,
    mouse: String,
    trial: u32,
    label: String,
    pixel_correlation: Option<f64>,
    packed: Packed,
}

enum Packed {
    /// A thread is at it.
    Waiting,
    Kept(Arc<str>),
    Failed,
}

/// A trial in the list of those that are done.
#[derive(Serialize)]
pub(super) struct ListedTrial {
    id: usize,
    mouse: String,
    trial: u32,
    label: String,
    pixel_correlation: Option<f64>,
    /// Whether its movie can be asked for.
    ready: bool,
    /// Whether it ever can.
    shown: bool,
}

impl DoneTrial {
    pub fn new(id: usize, mouse: &str, trial: u32, label: &str, score: Option<f64>) -> Self {
        let (mouse, label) = (mouse.into(), label.into());
        Self { id, mouse, trial, label, pixel_correlation: score, packed: Packed::Waiting }
    }

    /// Keeps its movie, if it could be packed.
    pub fn keep(&mut self, packed: Option<String>) {
        self.packed = packed.map_or(Packed::Failed, |text| Packed::Kept(text.into()));
    }

    pub fn packed(&self) -> Option<Arc<str>> {
        if let Packed::Kept(text) = &self.packed { Some(Arc::clone(text)) } else { None }
    }

    pub fn listed(&self) -> ListedTrial {
        ListedTrial {
            id: self.id,
            mouse: self.mouse.clone(),
            trial: self.trial,
            label: self.label.clone(),
            pixel_correlation: self.pixel_correlation,
            ready: matches!(self.packed, Packed::Kept(_)),
            shown: !matches!(self.packed, Packed::Failed),
        }
    }
}
