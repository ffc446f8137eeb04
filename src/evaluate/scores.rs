//! All metrics of one reconstruction.

use serde::Serialize;

use crate::metric::luminance::{MatchedStatistics, match_luminance_contrast};
use crate::metric::{correlation, error, motion_energy, ssim};
use crate::reconstruct::Reconstruction;

/// Scores of one trial, within the evaluation mask. NaN (empty in tables) where a score is undefined.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scores {
    /// Pearson correlation over all masked pixels and frames: the paper's score.
    pub pixel_correlation: f64,
    /// Mean over frames of the correlation over pixels.
    pub frame_correlation: f64,
    /// Root mean squared error in grey levels.
    pub rmse: f64,
    /// The same after the reconstruction got the true luminance and contrast.
    pub rmse_luminance_contrast_matched: f64,
    /// Peak signal-to-noise ratio in dB.
    pub psnr: f64,
    /// Windowed structural similarity.
    pub ssim: f64,
    /// The published global variant, near 1 for anything; for comparison with the paper only.
    pub published_global_ssim: f64,
    /// Correlation of the motion energies over time.
    pub motion_energy_correlation: f64,
    /// Mean over neurons of the correlation of predicted (from the reconstruction) and target responses.
    pub response_correlation: f64,
    /// Poisson loss of those predictions.
    pub response_loss: f64,
}

impl Scores {
    /// Computes all scores.
    pub fn of(result: &Reconstruction) -> Self {
        let mask = result.scored();
        let (truth, movie, mask) = (result.ground_truth.view(), result.movie.view(), mask.view());
        let matched = match_luminance_contrast(movie, truth, mask, MatchedStatistics::AllFrames);
        let (predicted, recorded) = (result.predicted_responses.view(), result.responses.view());
        Self {
            pixel_correlation: correlation::pixel_correlation(truth, movie, mask),
            frame_correlation: correlation::mean_frame_correlation(truth, movie, mask),
            rmse: error::rmse(truth, movie, mask),
            rmse_luminance_contrast_matched: error::rmse(truth, matched.view(), mask),
            psnr: error::psnr(truth, movie, mask),
            ssim: ssim::ssim(truth, movie, mask),
            published_global_ssim: ssim::published_global_ssim(truth, movie, mask),
            motion_energy_correlation: motion_energy::motion_energy_correlation(truth, movie, mask),
            response_correlation: correlation::response_correlation(predicted, recorded),
            response_loss: error::poisson_loss(predicted, recorded),
        }
    }
}
