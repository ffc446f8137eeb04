//! The small network of squeeze-excite: from the mean of each channel of a clip to its scale.

use super::silu::{sigmoid, silu, silu_slope};

/// `scale = sigmoid(expand silu(reduce mean + reduce_bias) + expand_bias)`.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// `[hidden, channel]`
    pub reduce: &'a [f32],
    /// `[hidden]`
    pub reduce_bias: &'a [f32],
    /// `[channel, hidden]`
    pub expand: &'a [f32],
    /// `[channel]`
    pub expand_bias: &'a [f32],
}

/// Gradients to the parts of a [`Network`].
#[derive(Debug, Clone)]
pub struct NetworkGradients {
    /// `[hidden, channel]`
    pub reduce: Vec<f32>,
    /// `[hidden]`
    pub reduce_bias: Vec<f32>,
    /// `[channel, hidden]`
    pub expand: Vec<f32>,
    /// `[channel]`
    pub expand_bias: Vec<f32>,
}

impl NetworkGradients {
    /// All zeros.
    pub fn new(network: Network) -> Self {
        Self {
            reduce: vec![0.0; network.reduce.len()],
            reduce_bias: vec![0.0; network.reduce_bias.len()],
            expand: vec![0.0; network.expand.len()],
            expand_bias: vec![0.0; network.expand_bias.len()],
        }
    }
}

impl Network<'_> {
    /// Computes the scales of one clip from its means, one a channel.
    pub fn scales(&self, mean: &[f32]) -> Vec<f32> {
        let hidden: Vec<f32> = self.hidden(mean).into_iter().map(silu::<false>).collect();
        let rows = self.expand.chunks_exact(hidden.len()).zip(self.expand_bias);
        rows.map(|(row, bias)| sigmoid::<false>(dot(row, &hidden) + bias)).collect()
    }

    /// The hidden units before their activation.
    fn hidden(&self, mean: &[f32]) -> Vec<f32> {
        let rows = self.reduce.chunks_exact(mean.len()).zip(self.reduce_bias);
        rows.map(|(row, bias)| dot(row, mean) + bias).collect()
    }

    /// Carries the gradient to one clip's scales back: adds to `found`, and returns that to the means.
    pub fn backward(
        &self,
        mean: &[f32],
        scale: &[f32],
        gradient: &[f32],
        found: &mut NetworkGradients,
    ) -> Vec<f32> {
        let before = self.hidden(mean);
        let mut to_hidden = vec![0.0; before.len()];
        let hidden: Vec<f32> = before.iter().map(|&h| silu::<false>(h)).collect();
        for (c, (g, s)) in gradient.iter().zip(scale).enumerate() {
            let g = g * s * (1.0 - s);
            found.expand_bias[c] += g;
            let row = c * hidden.len()..(c + 1) * hidden.len();
            add_scaled(g, &hidden, &mut found.expand[row.clone()]);
            add_scaled(g, &self.expand[row], &mut to_hidden);
        }
        let mut to_mean = vec![0.0; mean.len()];
        for (k, (g, before)) in to_hidden.iter().zip(&before).enumerate() {
            let g = g * silu_slope::<false>(*before);
            found.reduce_bias[k] += g;
            let row = k * mean.len()..(k + 1) * mean.len();
            add_scaled(g, mean, &mut found.reduce[row.clone()]);
            add_scaled(g, &self.reduce[row], &mut to_mean);
        }
        to_mean
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32
}

fn add_scaled(scale: f32, x: &[f32], out: &mut [f32]) {
    for (o, x) in out.iter_mut().zip(x) {
        *o += scale * x;
    }
}
