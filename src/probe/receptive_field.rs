//! Receptive fields from sparse noise: how much a neuron responds more, or less, after a place flashed bright or dark.
//!
//! Bright and dark are kept apart, so that complex cells, which answer to both, have fields too.

use std::ops::Range;

use ndarray::{Array1, Array2, Array3, Array4, ArrayView2, ArrayView3, Axis, s};
use rayon::prelude::*;

use super::ProbeConfig;
use super::gaussian_fit::Bump;
use super::presentation::Presentation;
use super::stimulus::{Light, SparseNoise};
use crate::error::{Error, Result};
use crate::seed;

/// Responses are looked for so long after a flash: frames of mouse V1 lag by 0.05 to 0.2 s, deconvolution adds some.
const LONGEST_LAG_S: f64 = 0.4;
/// Most pixels of all sparse noise together: it is held in memory three times over, as 4 bytes.
const MOST_PIXELS: f64 = 5e8;
/// Neurons whose fields are computed in one matrix product.
const BLOCK: usize = 128;

/// The fields of all neurons of a mouse.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceptiveFields {
    /// `[neuron, (bright, dark), height, width]`: mean response after the place was bright, or dark, less the mean.
    pub fields: Array4<f32>,
    /// What follows from them, one a neuron.
    pub neurons: Vec<FieldSummary>,
}

/// Where one neuron looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldSummary {
    /// x, y of its centre in pixels; NaN when it has no field.
    pub center_px: [f64; 2],
    /// Standard deviations along x and y of a Gaussian over what drives it, in pixels. Narrower than the envelope of a
    /// simulated neuron's Gabor, whose weak flanks stay below its threshold: about half of it.
    pub sigma_px: [f64; 2],
    /// Frames from a flash to the response.
    pub lag_frames: usize,
    /// Height of its envelope over the noise of a pixel of the map.
    pub signal_to_noise: f64,
    /// Correlation of its fields from the even movies with those from the odd ones.
    pub reliability: f64,
}

impl FieldSummary {
    /// Least ratio of signal to noise of a field to speak of. The greatest of a few hundred pixels of noise reaches 3.
    pub const LEAST_SIGNAL_TO_NOISE: f64 = 4.0;

    /// Says whether there is a field to speak of.
    pub fn is_found(&self) -> bool {
        self.signal_to_noise >= Self::LEAST_SIGNAL_TO_NOISE && self.center_px.iter().all(|c| c.is_finite())
    }
}

impl ReceptiveFields {
    /// Shows sparse noise and finds the fields.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when asked to stop; when the movies are shorter than a clip.
    pub fn probe(
        presentation: &Presentation<'_>,
        config: &ProbeConfig,
        light: Light,
        frame_rate_hz: f64,
        run_seed: &str,
    ) -> Result<Self> {
        let lags = Self::check(presentation, config, frame_rate_hz)?;
        let size = presentation.frame_size();
        let noise = SparseNoise {
            square_px: config.square_for(size[1]),
            square_frames: config.square_frames,
            density: config.sparse_density,
        };
        let signs: Vec<Array3<f32>> = (0..config.sparse_movies)
            .map(|movie| {
                let rng =
                    &mut seed::stream(run_seed, "sparse noise", &[&presentation.mouse.0, &movie.to_string()]);
                noise.signs(config.sparse_frames, size, rng)
            })
            .collect();
        let mut responses = Vec::new();
        let movie = |index: usize| SparseNoise::movie(&signs[index], light);
        presentation
            .show("receptive fields", signs.len(), movie, |_, predicted| responses.push(predicted))?;
        Self::find(&signs, &responses, 0..lags + 1, noise.square_px)
    }

    /// Checks that the fields can be probed with these settings and returns the longest lag, in frames.
    ///
    /// # Errors
    /// [`Error::Usage`] when the movies are shorter than a clip, or would not fit into memory.
    pub fn check(presentation: &Presentation<'_>, config: &ProbeConfig, frame_rate_hz: f64) -> Result<usize> {
        let lags = (LONGEST_LAG_S * frame_rate_hz).round() as usize;
        presentation.require_frames("probe.sparse_frames", config.sparse_frames, lags)?;
        let [height, width] = presentation.frame_size();
        let pixels = config.sparse_movies as f64 * (config.sparse_frames * height * width) as f64;
        if pixels > MOST_PIXELS {
            return Err(Error::usage(format!(
                "sparse noise of {} movies of {} frames has {pixels:.1e} pixels, expected at most {MOST_PIXELS:.0e}: fewer \
                 probe.sparse_movies or probe.sparse_frames",
                config.sparse_movies, config.sparse_frames
            )));
        }
        Ok(lags)
    }

    /// Finds the fields from movies of signs, `[frame, height, width]`, and the responses to them, `[neuron, frame]`,
    /// trying some lags in frames.
    ///
    /// # Errors
    /// [`Error::Usage`] when there are fewer than two movies or one is no longer than the lags.
    pub fn find(
        signs: &[Array3<f32>],
        responses: &[Array2<f32>],
        lags: Range<usize>,
        square_px: usize,
    ) -> Result<Self> {
        let short = signs.iter().any(|movie| movie.dim().0 < lags.end.max(1));
        if signs.len() < 2 || responses.len() != signs.len() || short || lags.is_empty() {
            return Err(Error::usage(format!(
                "receptive fields need at least two movies longer than {} frames: more probe.sparse_movies or \
                 probe.sparse_frames",
                lags.end
            )));
        }
        let (_, height, width) = signs[0].dim();
        let neurons = responses[0].nrows();
        let halves = [0, 1].map(|half| Half::new(signs, responses, half));
        let blocks: Vec<Range<usize>> =
            (0..neurons).step_by(BLOCK).map(|first| first..(first + BLOCK).min(neurons)).collect();
        let found: Vec<Vec<(Array3<f32>, FieldSummary)>> = blocks
            .into_par_iter()
            .map(|block| find_block(&halves, block, lags.clone(), [height, width], square_px))
            .collect();
        let mut fields = Array4::zeros((neurons, 2, height, width));
        let mut summaries = Vec::with_capacity(neurons);
        for (neuron, (field, summary)) in found.into_iter().flatten().enumerate() {
            fields.index_axis_mut(Axis(0), neuron).assign(&field);
            summaries.push(summary);
        }
        Ok(Self { fields, neurons: summaries })
    }
}

/// Every second movie.
struct Half {
    /// Of each movie: `[frame, (bright, dark) pixel]`.
    flashes: Vec<Array2<f32>>,
    /// Of each movie, less the mean over the half: `[neuron, frame]`.
    responses: Vec<Array2<f32>>,
}

impl Half {
    fn new(signs: &[Array3<f32>], responses: &[Array2<f32>], half: usize) -> Self {
        let every_second = |count: usize| (half..count).step_by(2);
        let flashes = every_second(signs.len()).map(|k| flashes(signs[k].view())).collect();
        let mut responses: Vec<Array2<f32>> =
            every_second(signs.len()).map(|k| responses[k].clone()).collect();
        let frames: usize = responses.iter().map(Array2::ncols).sum();
        let mut mean = Array1::<f32>::zeros(responses[0].nrows());
        responses.iter().for_each(|part| mean += &part.sum_axis(Axis(1)));
        mean /= frames as f32;
        responses.iter_mut().for_each(|part| *part -= &mean.view().insert_axis(Axis(1)));
        Self { flashes, responses }
    }

    /// Mean response so long after each place flashed: `[neuron of the block, (bright, dark) pixel]`.
    fn map(&self, block: &Range<usize>, lag: usize) -> Array2<f32> {
        let places = self.flashes[0].ncols();
        let (mut sum, mut count) = (Array2::zeros((block.len(), places)), Array1::<f32>::zeros(places));
        for (flashes, responses) in self.flashes.iter().zip(&self.responses) {
            let frames = flashes.nrows() - lag;
            let flashes = flashes.slice(s![..frames, ..]);
            sum += &responses.slice(s![block.clone(), lag..]).dot(&flashes);
            count += &flashes.sum_axis(Axis(0));
        }
        sum / count.mapv(|count| count.max(1.0)).insert_axis(Axis(0))
    }
}

fn flashes(signs: ArrayView3<f32>) -> Array2<f32> {
    let (frames, height, width) = signs.dim();
    let pixels = height * width;
    let mut flashes = Array2::zeros((frames, 2 * pixels));
    for (mut row, frame) in flashes.outer_iter_mut().zip(signs.outer_iter()) {
        for (pixel, &sign) in frame.iter().enumerate() {
            row[pixel] = sign.max(0.0);
            row[pixels + pixel] = (-sign).max(0.0);
        }
    }
    flashes
}

/// Finds the fields of some neurons, each at the lag at which both halves agree on the most.
fn find_block(
    halves: &[Half; 2],
    block: Range<usize>,
    lags: Range<usize>,
    size: [usize; 2],
    square_px: usize,
) -> Vec<(Array3<f32>, FieldSummary)> {
    let mut best: Vec<(f32, usize, [Array1<f32>; 2])> =
        vec![(f32::NEG_INFINITY, 0, [Array1::zeros(0), Array1::zeros(0)]); block.len()];
    for lag in lags {
        let maps = halves.each_ref().map(|half| half.map(&block, lag));
        for (neuron, best) in best.iter_mut().enumerate() {
            let rows = maps.each_ref().map(|map| map.row(neuron));
            let common = rows[0].dot(&rows[1]);
            if common > best.0 {
                *best = (common, lag, rows.map(|row| row.to_owned()));
            }
        }
    }
    best.into_iter().map(|(_, lag, halves)| summarise(&halves, lag, size, square_px)).collect()
}

fn summarise(
    halves: &[Array1<f32>; 2],
    lag_frames: usize,
    [height, width]: [usize; 2],
    square_px: usize,
) -> (Array3<f32>, FieldSummary) {
    let shape = (2, height, width);
    let zero = || Array1::zeros(2 * height * width);
    // Responses that are no numbers give no lag and no field.
    let [a, b] = halves.each_ref().map(|half| if half.is_empty() { zero() } else { half.clone() });
    let field = (0.5 * (&a + &b)).into_shape_with_order(shape).expect("a value for every place");
    // The product of the halves is the energy without that of their noise, which is not common to them.
    let energy = (&a * &b).into_shape_with_order(shape).expect("a value for every place");
    let energy = energy.mapv(f64::from).sum_axis(Axis(0));
    let noise = 0.5 * (&a - &b);
    let noise = (noise.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / noise.len() as f64).sqrt();
    let bump = Bump::fit(energy.view());
    let blur = (square_px * square_px) as f64 / 6.0;
    let summary = FieldSummary {
        center_px: bump.map_or([f64::NAN; 2], |bump| bump.center),
        // The energy of a Gaussian field is narrower than the field by the root of 2; and squares are not points: they
        // widen it by the variance of a square laid over a square.
        sigma_px: bump.map_or([f64::NAN; 2], |bump| bump.sigma.map(|s| (2.0 * s * s - blur).max(0.0).sqrt())),
        lag_frames,
        // Bright and dark each have that noise.
        signal_to_noise: bump.map_or(0.0, |bump| {
            bump.height_in((height, width)).max(0.0).sqrt() / (2.0f64.sqrt() * noise).max(1e-12)
        }),
        reliability: correlation(&a, &b),
    };
    (field, summary)
}

fn correlation(a: &Array1<f32>, b: &Array1<f32>) -> f64 {
    let row = |half: &Array1<f32>| half.clone().insert_axis(Axis(0));
    let [a, b]: [Array2<f32>; 2] = [row(a), row(b)];
    crate::metric::correlation::flattened_response_correlation(a.view() as ArrayView2<f32>, b.view())
}
