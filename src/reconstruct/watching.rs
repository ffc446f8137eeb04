//! Shows a movie to those who watch while it is made. Where nobody watches, nothing is copied.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array3, ArrayView3, Axis};

use super::postprocess;
use super::trial::TrialPlan;
use crate::event::{Glimpse, Observer, Scene};

/// One movie in work, and who may watch it.
pub(super) struct Watching<'a> {
    plan: &'a TrialPlan<'a>,
    observer: &'a dyn Observer,
    /// Its place among the trial's movies, and their number.
    place: (usize, usize),
    started: Instant,
    /// Made when somebody watches for the first time.
    scene: OnceCell<Arc<Scene>>,
}

impl<'a> Watching<'a> {
    /// A movie that is about to be made, `place.0` of `place.1` of its trial.
    pub fn new(plan: &'a TrialPlan<'a>, place: (usize, usize), observer: &'a dyn Observer) -> Self {
        Self { plan, observer, place, started: Instant::now(), scene: OnceCell::new() }
    }

    /// Shows the movie if somebody wants to see it now; one that was watched is shown to its end.
    pub fn show(&self, movie: &Array3<f32>, losses: &[f64], response_correlations: &[f64]) {
        let done = losses.len() == self.plan.config.iterations && self.scene.get().is_some();
        if !self.observer.watches() && !done {
            return;
        }
        let glimpse = Glimpse {
            scene: Arc::clone(self.scene.get_or_init(|| Arc::new(self.scene()))),
            step: losses.len(),
            movie: Arc::new(movie.clone()),
            losses: losses.into(),
            response_correlations: response_correlations.into(),
        };
        self.observer.watch(glimpse);
    }

    fn scene(&self) -> Scene {
        let plan = self.plan;
        let (geometry, config) = (plan.geometry, plan.config.clone());
        let mask = geometry.crop_image(plan.transparency.view());
        let mask = mask.mapv(|t| t >= config.evaluation_threshold);
        let shown = mask.clone();
        let finish = move |movie: ArrayView3<f32>| postprocess::finish(&[movie], geometry, &shown, &config);
        Scene {
            mouse: plan.mouse.to_string(),
            trial: plan.trial.id.0,
            label: plan.label.to_string(),
            movie: self.place.0,
            movies: self.place.1,
            steps: plan.config.iterations,
            started: self.started,
            first_frame: plan.first_frame(),
            frame_rate_hz: plan.frame_rate_hz,
            ground_truth: postprocess::cut(plan.trial.movie.view(), plan.config.skip_frames),
            mask,
            behavior: plan.trial.behavior.clone(),
            pupil_center: plan.trial.pupil_center.clone(),
            mean_response: plan.trial.responses.mean_axis(Axis(0)).unwrap_or_default().to_vec(),
            finish: Box::new(finish),
        }
    }
}
