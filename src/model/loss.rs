//! The Poisson loss, as published: `p - r * log(p + 1e-8)`, without the term that depends on r only.

use burn::tensor::Tensor;

/// Keeps the logarithm finite. As published.
const EPSILON: f32 = 1e-8;

/// Computes the loss of every neuron and frame.
///
/// # Shapes
/// - `predicted`, `recorded`, output: `[batch, neuron, time]`
pub fn poisson(predicted: Tensor<3>, recorded: Tensor<3>) -> Tensor<3> {
    predicted.clone() - recorded * (predicted + EPSILON).log()
}

/// Computes the loss of one predicted and recorded response.
pub fn poisson_of(predicted: f32, recorded: f32) -> f32 {
    predicted - recorded * (predicted + EPSILON).ln()
}

/// Computes the slope of [`poisson_of`] with the predicted response.
pub fn poisson_slope(predicted: f32, recorded: f32) -> f32 {
    1.0 - recorded / (predicted + EPSILON)
}
