//! An encoder that no longer learns, wherever it runs: the frozen one on the CPU, tensor operations with
//! automatic gradients on other devices. The stages that only use encoders know no more of them than this.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3};

use super::checkpoint::Checkpoint;
use super::dwiseneuro::DwiseNeuro;
use super::frozen::{FrozenEncoder, Memory};
use super::pass::Pass;
use super::tensors;
use crate::error::Result;
use crate::kernel;

/// What the encoder sees at once.
#[derive(Debug, Clone)]
pub struct Clip {
    size: [usize; 3],
    movie: Vec<f32>,
    behavior: Vec<f32>,
}

impl Clip {
    /// Puts a clip together.
    ///
    /// # Shapes
    /// - `movie`: `[time, height, width]`, 0..255
    /// - `behavior`: `[channel, time]`: the channels that are constant over pixels
    pub fn new(movie: ArrayView3<f32>, behavior: ArrayView2<f32>) -> Self {
        let (time, height, width) = movie.dim();
        assert_eq!(behavior.ncols(), time, "behavior is as long as the movie");
        let size = [time, height, width];
        Self { size, movie: movie.iter().copied().collect(), behavior: behavior.iter().copied().collect() }
    }

    /// Time, height, width.
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// Channels of the encoder's input.
    pub fn channels(&self) -> usize {
        1 + self.behavior.len() / self.size[0].max(1)
    }

    /// The movie's pixels, `[time, height, width]`.
    pub fn movie(&self) -> &[f32] {
        &self.movie
    }

    /// The other channels, `[channel, time]`.
    pub fn behavior(&self) -> &[f32] {
        &self.behavior
    }
}

/// What was predicted for a clip, and the gradient of a loss to it.
#[derive(Debug, Clone)]
pub struct ClipGradient {
    /// To the movie, `[time, height, width]`.
    pub movie: Array3<f32>,
    /// Sum of the squares of the gradient to the other channels, pixel by pixel, as though they were not
    /// constant: what the published norm asks for.
    pub behavior_squares: f64,
    /// The predicted responses, `[time, neuron]`.
    pub responses: Array2<f32>,
}

/// Computes a loss's gradient to the responses predicted for a clip, both `[time, neuron]`, from the clip's
/// number and those responses.
pub type ToResponses<'a> = &'a (dyn Fn(usize, ArrayView2<f32>) -> Array2<f32> + Sync);

/// Where encoders run, and in how much memory.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// The device.
    pub device: Device,
    /// Shared by all encoders.
    pub memory: Arc<Memory>,
}

impl Runtime {
    /// Runs encoders on `device`; on the CPU, activations of clips take about `budget` bytes.
    pub fn new(device: Device, budget: usize) -> Self {
        Self { device, memory: Arc::new(Memory::new(budget)) }
    }
}

/// An encoder that no longer learns.
#[derive(Debug)]
pub struct Encoder(Kind);

#[derive(Debug)]
enum Kind {
    Frozen(Box<FrozenEncoder>),
    Tensors(Box<DwiseNeuro>, Device),
}

/// Clips that go through tensor operations at once.
const BATCH: usize = 8;

impl Encoder {
    /// Takes an encoder out of a checkpoint, which must hold nothing else.
    ///
    /// # Errors
    /// When a tensor is missing, misshapen or left over, or the sizes don't fit together.
    pub fn load(checkpoint: Checkpoint, runtime: &Runtime) -> Result<Self> {
        if !kernel::runs_natively(&runtime.device) {
            return Self::by_tensors(checkpoint, &runtime.device);
        }
        Ok(Self(Kind::Frozen(Box::new(FrozenEncoder::new(&checkpoint, runtime.memory.clone())?))))
    }

    /// Takes an encoder out of a checkpoint and runs it by tensor operations, on the CPU too: what the frozen
    /// one is tested against.
    ///
    /// # Errors
    /// See [`Encoder::load`].
    pub fn by_tensors(checkpoint: Checkpoint, device: &Device) -> Result<Self> {
        Ok(Self(Kind::Tensors(Box::new(DwiseNeuro::load(checkpoint, device)?), device.clone())))
    }

    /// Predicts the responses of one mouse to clips of one size, each `[time, neuron]`.
    pub fn predict(&self, mouse: usize, clips: &[Clip]) -> Vec<Array2<f32>> {
        match &self.0 {
            Kind::Frozen(encoder) => encoder.predict(mouse, clips),
            Kind::Tensors(encoder, device) => {
                let batch = |clips: &[Clip]| {
                    let predicted = encoder.forward(stack(clips, device), mouse, &Pass::evaluation());
                    split(predicted)
                };
                clips.chunks(BATCH).flat_map(batch).collect()
            }
        }
    }

    /// Computes the gradient of a loss to clips of one size.
    pub fn gradient(&self, mouse: usize, clips: &[Clip], to_responses: ToResponses) -> Vec<ClipGradient> {
        match &self.0 {
            Kind::Frozen(encoder) => encoder.gradient(mouse, clips, to_responses),
            Kind::Tensors(encoder, device) => {
                let batch = |(index, clips)| {
                    let number = |k, responses: ArrayView2<f32>| to_responses(index * BATCH + k, responses);
                    tensor_gradient(encoder, device, mouse, clips, &number)
                };
                clips.chunks(BATCH).enumerate().flat_map(batch).collect()
            }
        }
    }
}

/// One batch of [`Encoder::gradient`] by automatic differentiation.
fn tensor_gradient(
    encoder: &DwiseNeuro,
    device: &Device,
    mouse: usize,
    clips: &[Clip],
    to_responses: ToResponses,
) -> Vec<ClipGradient> {
    let input = stack(clips, device).autodiff().require_grad();
    let predicted = encoder.forward(input.clone(), mouse, &Pass::evaluation());
    let responses = split(predicted.clone().inner());
    let weights: Vec<f32> = responses
        .iter()
        .enumerate()
        .flat_map(|(k, responses)| to_responses(k, responses.view()).t().iter().copied().collect::<Vec<_>>())
        .collect();
    let weights = Tensor::from_data(TensorData::new(weights, predicted.dims()), device);
    // The gradient of this sum is that of the loss: its slope to each response is the one given.
    let loss = (predicted * Tensor::from_inner(weights)).sum();
    let gradient = input.grad(&loss.backward()).expect("the input asked for its gradient");
    let [_, _, time, height, width] = gradient.dims();
    let frames = time * height * width;
    let values = tensors::values(gradient);
    let share = values.len() / clips.len();
    let square = |&g: &f32| f64::from(g) * f64::from(g);
    values
        .chunks_exact(share)
        .zip(responses)
        .map(|(gradient, responses)| ClipGradient {
            movie: Array3::from_shape_vec((time, height, width), gradient[..frames].to_vec())
                .expect("a gradient to every pixel"),
            behavior_squares: gradient[frames..].iter().map(square).sum(),
            responses,
        })
        .collect()
}

/// Stacks clips to `[clip, channel, time, height, width]`.
fn stack(clips: &[Clip], device: &Device) -> Tensor<5> {
    let [time, height, width] = clips[0].size();
    let channels = clips[0].channels();
    let mut values = Vec::with_capacity(clips.len() * channels * time * height * width);
    for clip in clips {
        values.extend_from_slice(clip.movie());
        for &value in clip.behavior() {
            values.extend(std::iter::repeat_n(value, height * width));
        }
    }
    Tensor::from_data(TensorData::new(values, [clips.len(), channels, time, height, width]), device)
}

/// Cuts `[clip, neuron, time]` into clips of `[time, neuron]`.
fn split(predicted: Tensor<3>) -> Vec<Array2<f32>> {
    let [_, neurons, time] = predicted.dims();
    let values = tensors::values(predicted.swap_dims(1, 2));
    let cut = |values: &[f32]| Array2::from_shape_vec((time, neurons), values.to_vec());
    values.chunks_exact(time * neurons).map(|values| cut(values).expect("a clip's share")).collect()
}
