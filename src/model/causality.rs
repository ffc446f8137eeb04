//! Finds out how far into the future and the past a response looks: changes the input one frame at a time
//! and sees which responses move.
//!
//! DwiseNeuro's do look ahead: its convolutions over time are centred, and squeeze-excite averages over the
//! whole clip. Of a causal encoder not one bit of a response may depend on a later frame.

use ndarray::{Array2, Array3, Axis};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::encoder::{Clip, Encoder};

/// What the response to one frame of a clip depends on. Frames are those of the clip.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reach {
    /// The frame of the response, from 0.
    pub frame: usize,
    /// The first frame of the input that changes it.
    pub first: usize,
    /// The last frame of the input that changes it.
    pub last: usize,
    /// Share of later frames in all changes, as sums of squares over neurons: 0 to 1.
    pub ahead: f64,
}

impl Reach {
    /// Counts the frames that the response looks into the future.
    pub fn future(&self) -> usize {
        self.last.saturating_sub(self.frame)
    }

    /// Counts the frames that the response looks into the past.
    pub fn past(&self) -> usize {
        self.frame.saturating_sub(self.first)
    }
}

/// Measures the reach of each frame's responses of one mouse, on a clip of noise.
///
/// Any change counts, down to the last bit: the same arithmetic is done on the same numbers wherever the
/// changed frame is not looked at.
///
/// # Shapes
/// - `size`: time, height, width
/// - `channels`: of the encoder's input
pub fn reach(
    encoder: &Encoder,
    mouse: usize,
    size: [usize; 3],
    channels: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Reach> {
    let [time, height, width] = size;
    let movie = |rng: &mut ChaCha8Rng| {
        Array3::from_shape_simple_fn((time, height, width), || rng.random_range(0.0..255.0f32))
    };
    let behavior = |rng: &mut ChaCha8Rng| {
        Array2::from_shape_simple_fn((channels - 1, time), || rng.random_range(0.0..50.0f32))
    };
    let (before, after) = ((movie(rng), behavior(rng)), (movie(rng), behavior(rng)));
    // One clip at a time, so that all are computed alike.
    let respond = |movie: &Array3<f32>, behavior: &Array2<f32>| {
        let clip = Clip::new(movie.view(), behavior.view());
        encoder.predict(mouse, &[clip]).remove(0)
    };
    let expected = respond(&before.0, &before.1);
    // By input frame and response frame: what moved, as a sum of squares over neurons.
    let moved: Vec<Vec<f64>> = (0..time)
        .map(|frame| {
            let (mut movie, mut behavior) = before.clone();
            movie.index_axis_mut(Axis(0), frame).assign(&after.0.index_axis(Axis(0), frame));
            behavior.index_axis_mut(Axis(1), frame).assign(&after.1.index_axis(Axis(1), frame));
            squares_by_frame(&respond(&movie, &behavior), &expected)
        })
        .collect();
    (0..time).map(|frame| reach_of(frame, &moved)).collect()
}

/// Sums the squares of the differences of `[time, neuron]` over neurons.
fn squares_by_frame(a: &Array2<f32>, b: &Array2<f32>) -> Vec<f64> {
    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
    a.rows().into_iter().zip(b.rows()).map(|(a, b)| a.iter().zip(b).map(square).sum()).collect()
}

/// Reads off the reach of one response from what moved, by input frame and response frame.
fn reach_of(frame: usize, moved: &[Vec<f64>]) -> Reach {
    let by_input: Vec<f64> = moved.iter().map(|by_response| by_response[frame]).collect();
    let touches = |squares: &f64| *squares != 0.0;
    let all: f64 = by_input.iter().sum();
    Reach {
        frame,
        first: by_input.iter().position(touches).unwrap_or(frame),
        last: by_input.iter().rposition(touches).unwrap_or(frame),
        // Of the last frame there is nothing to sum, which gives -0.
        ahead: if all > 0.0 { by_input[frame + 1..].iter().sum::<f64>().abs() / all } else { 0.0 },
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::model::{ModelConfig, ReadoutKind, Runtime, init};
    use crate::seed;

    const TIME: usize = 9;

    fn reaches(causal: bool, readout: ReadoutKind) -> [Vec<Reach>; 2] {
        let config = ModelConfig {
            in_channels: 3,
            readout_outputs: vec![6],
            core_features: vec![4, 6],
            spatial_strides: vec![2, 1],
            temporal_kernel: 3,
            expansion_ratio: 2,
            se_reduce_ratio: 4,
            cortex_features: vec![8],
            causal,
            readout,
            ..ModelConfig::default()
        };
        let checkpoint = init::initialize(&config, "causality", "member").unwrap();
        let device = Device::flex();
        let frozen = Encoder::load(checkpoint.clone(), &Runtime::new(device.clone(), 0)).unwrap();
        let tensors = Encoder::by_tensors(checkpoint, &device).unwrap();
        let mut rng = seed::stream("causality", "clip", &[]);
        [frozen, tensors].map(|encoder| reach(&encoder, 0, [TIME, 6, 8], 3, &mut rng))
    }

    #[test]
    fn every_response_of_the_published_form_looks_at_the_whole_clip() {
        for reaches in reaches(false, ReadoutKind::Pooled) {
            for reach in &reaches {
                assert_eq!((reach.first, reach.last), (0, TIME - 1), "{reach:?}");
            }
            assert!(reaches[2].ahead > 0.0 && reaches[TIME - 1].ahead == 0.0);
        }
    }

    #[test]
    fn no_response_of_a_causal_encoder_looks_ahead_and_each_looks_back_by_its_kernels() {
        for readout in [ReadoutKind::Pooled, ReadoutKind::Gaussian] {
            for reaches in reaches(true, readout) {
                for reach in reaches {
                    assert_eq!((reach.future(), reach.ahead), (0, 0.0), "{reach:?}");
                    // Two blocks with kernels of three frames.
                    assert_eq!(reach.past(), reach.frame.min(4), "{reach:?}");
                }
            }
        }
    }
}
