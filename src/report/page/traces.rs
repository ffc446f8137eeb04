//! What moves with the movie: behavior, the population's activity, frame-by-frame correlation.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use serde::Serialize;

use super::number::{short, shorten};
use super::packed;
use crate::error::Result;

/// Rows that the neurons are averaged to: about as many as can be told apart on a screen.
const MOST_ROWS: usize = 96;
/// Standard deviations from a neuron's mean that are shown darkest and brightest.
const RANGE: f32 = 2.0;

/// One quantity over time, one value a frame.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Trace {
    /// What it is.
    pub name: &'static str,
    /// `null` where it is not defined.
    pub values: Vec<Option<f64>>,
}

/// The behavior of a trial, row by row.
///
/// # Shapes
/// - `behavior`, `pupil_center`: `[row, frame]`, of a [`crate::data::Trial`]
pub(crate) fn behavior(behavior: ArrayView2<f32>, pupil_center: ArrayView2<f32>) -> Vec<Trace> {
    // A single row may be either.
    let names: &[&str] =
        if behavior.nrows() == 2 { &["pupil dilation", "running speed"] } else { &["behavior"] };
    let center = ["pupil center x", "pupil center y"];
    let named = |rows: ArrayView2<f32>, names: &[&'static str]| -> Vec<Trace> {
        let rows: Vec<_> = rows.outer_iter().map(|row| shorten(row.iter().map(|&v| f64::from(v)))).collect();
        names.iter().zip(rows).map(|(&name, values)| Trace { name, values }).collect()
    };
    let mut traces = named(behavior, names);
    traces.reverse(); // Running first: it is what the eye looks for.
    traces.extend(named(pupil_center, &center));
    traces
}

/// The activity of a population, recorded and predicted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Population {
    /// Number of neurons.
    pub neurons: usize,
    /// Mean over neurons, of every frame.
    pub recorded: Vec<Option<f64>>,
    /// Of the responses predicted from the reconstruction.
    pub predicted: Vec<Option<f64>>,
    /// Mean over neurons of the correlation of the two over time.
    pub correlation: Option<f64>,
    /// Rows of the pictures.
    pub rows: usize,
    /// `[row, frame]`, packed: neurons in the order of when their predicted response is strongest, each with
    /// mean 0 and variance 1, as many averaged as fill a row; 128 is the mean.
    pub recorded_picture: String,
    /// The same neurons' predicted responses.
    pub predicted_picture: String,
}

impl Population {
    /// Sums up responses.
    ///
    /// # Shapes
    /// - `recorded`, `predicted`: `[neuron, frame]`
    ///
    /// # Errors
    /// When the pictures can't be packed.
    pub(super) fn new(recorded: ArrayView2<f32>, predicted: ArrayView2<f32>) -> Result<Self> {
        let mean = |responses: ArrayView2<f32>| {
            let mean = responses.mean_axis(Axis(0)).unwrap_or_default();
            shorten(mean.into_iter().map(f64::from))
        };
        let order = by_peak(predicted);
        let rows = order.len().min(MOST_ROWS);
        Ok(Self {
            neurons: recorded.nrows(),
            recorded: mean(recorded),
            predicted: mean(predicted),
            correlation: short(crate::metric::correlation::response_correlation(predicted, recorded)),
            rows,
            recorded_picture: packed::bytes(&picture(recorded, &order, rows))?,
            predicted_picture: packed::bytes(&picture(predicted, &order, rows))?,
        })
    }
}

/// Neurons by the frame of their strongest response.
fn by_peak(responses: ArrayView2<f32>) -> Vec<usize> {
    let peak = |row: ArrayView1<f32>| {
        let strongest = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
        strongest.map_or(0, |(frame, _)| frame)
    };
    let peaks: Vec<usize> = responses.outer_iter().map(peak).collect();
    let mut order: Vec<usize> = (0..peaks.len()).collect();
    order.sort_by_key(|&neuron| peaks[neuron]);
    order
}

/// Averages standardised responses to `rows` rows of grey levels.
fn picture(responses: ArrayView2<f32>, order: &[usize], rows: usize) -> Vec<u8> {
    let frames = responses.ncols();
    let mut sums = Array2::<f32>::zeros((rows, frames));
    let mut counts = vec![0.0f32; rows];
    for (place, &neuron) in order.iter().enumerate() {
        let row = place * rows / order.len();
        let response = responses.row(neuron);
        let (mean, sd) = (response.mean().unwrap_or(0.0), response.std(0.0));
        counts[row] += 1.0;
        if sd > 0.0 {
            sums.row_mut(row).zip_mut_with(&response, |sum, &r| *sum += (r - mean) / sd);
        }
    }
    for (mut row, count) in sums.outer_iter_mut().zip(counts) {
        // A mean of many varies less than each: as if they were independent, it gets its variance back.
        row *= 1.0 / count.max(1.0).sqrt();
    }
    sums.iter().map(|z| packed::level(127.5 + 127.5 * z / RANGE)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn neurons_are_ordered_by_their_peak_and_each_row_is_standardised() {
        let responses = array![[0.0f32, 0.0, 9.0], [5.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 7.0, 0.0]];
        // A neuron that never changes peaks at the first frame.
        assert_eq!(by_peak(responses.view()), [1, 2, 3, 0]);
        let levels = picture(responses.view(), &[1, 2, 3, 0], 4);
        // (5 - 7/3) / sd of 5, 1, 1 is the square root of 2.
        let high = packed::level(127.5 + 127.5 * 2f32.sqrt() / RANGE);
        assert_eq!(levels[0], high);
        assert_eq!(levels[3..6], [128; 3]);
        assert_eq!(levels[11], high);
    }

    #[test]
    fn many_neurons_are_averaged_to_few_rows_and_none_are_no_rows() {
        let many = Array2::from_shape_fn((1000, 5), |(neuron, frame)| ((neuron * 7 + frame * 3) % 11) as f32);
        let found = Population::new(many.view(), many.view()).unwrap();
        assert_eq!((found.neurons, found.rows, found.recorded.len()), (1000, MOST_ROWS, 5));
        assert_eq!(found.correlation, Some(1.0));
        let none = Array2::zeros((0, 5));
        assert_eq!(Population::new(none.view(), none.view()).unwrap().rows, 0);
    }
}
