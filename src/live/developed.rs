//! A look at a movie in work, made into what would be shown if it were done, and scored.

use std::sync::Arc;

use ndarray::Array3;

use crate::event::{Glimpse, Scene};
use crate::metric::correlation::{frame_correlations, pixel_correlation};
use crate::report::page::number::{short, shorten};

/// The movie in work as it would be shown.
pub struct Developed {
    /// Number of the look, ascending.
    pub look: u64,
    /// Number of the scene, ascending.
    pub(super) scene_number: u64,
    /// Which movie.
    pub scene: Arc<Scene>,
    /// Iterations done.
    pub step: usize,
    /// `[frame, height, width]`, as a result has it.
    pub movie: Array3<f32>,
    /// With the truth, over all scored pixels and frames.
    pub pixel_correlation: Option<f64>,
    pub(super) frame_correlation: Vec<Option<f64>>,
    /// Pixel correlation after earlier iterations and after this one.
    pub(super) course: Vec<(usize, Option<f64>)>,
    pub(super) losses: Arc<[f64]>,
    pub(super) response_correlations: Arc<[f64]>,
}

impl Developed {
    /// Filters, crops and scores.
    pub(super) fn new(
        glimpse: &Glimpse,
        look: u64,
        scene_number: u64,
        mut course: Vec<(usize, Option<f64>)>,
    ) -> Self {
        let scene = Arc::clone(&glimpse.scene);
        let movie = (scene.finish)(glimpse.movie.view());
        let (truth, mask) = (scene.ground_truth.view(), scene.mask.view());
        let correlation = short(pixel_correlation(truth, movie.view(), mask));
        if course.last().is_none_or(|(step, _)| *step < glimpse.step) {
            course.push((glimpse.step, correlation));
        }
        Self {
            look,
            scene_number,
            step: glimpse.step,
            pixel_correlation: correlation,
            frame_correlation: shorten(frame_correlations(truth, movie.view(), mask)),
            course,
            losses: Arc::clone(&glimpse.losses),
            response_correlations: Arc::clone(&glimpse.response_correlations),
            movie,
            scene,
        }
    }
}
