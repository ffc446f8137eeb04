//! Takes arrays out of a checkpoint and folds batch norms into what is next to them, in f64.

use crate::kernel::EPSILON;
use crate::kernel::lane::{self, Lane, WIDTH};
use crate::model::checkpoint::{Checkpoint, NamedTensor};

/// A batch norm with its running statistics: `x * scale + shift`.
pub struct Norm {
    /// By channel.
    pub scale: Vec<f64>,
    /// By channel.
    pub shift: Vec<f64>,
}

/// The arrays of a checkpoint that was checked: every name is there.
pub struct Source<'a>(pub &'a Checkpoint);

impl Source<'_> {
    /// The array called `name`.
    pub fn tensor(&self, name: &str) -> &NamedTensor {
        &self.0.tensors[name]
    }

    /// The values of the array called `name`, row-major.
    pub fn values(&self, name: &str) -> &[f32] {
        &self.tensor(name).values
    }

    /// The batch norm called `name`.
    pub fn norm(&self, name: &str) -> Norm {
        let of = |field: &str| self.values(&format!("{name}.{field}")).iter().map(|&v| f64::from(v));
        let scale: Vec<f64> =
            of("gamma").zip(of("running_var")).map(|(gamma, var)| gamma / (var + EPSILON).sqrt()).collect();
        let centre: Vec<f64> = of("running_mean").zip(&scale).map(|(mean, scale)| mean * scale).collect();
        let shift = of("beta").zip(centre).map(|(beta, centre)| beta - centre).collect();
        Norm { scale, shift }
    }

    /// Rows of the weights called `name`, each times its channel's scale.
    pub fn scaled_rows(&self, name: &str, norm: &Norm) -> Vec<f32> {
        let values = self.values(name);
        let width = values.len() / norm.scale.len();
        let scaled = |(i, &v): (usize, &f32)| (f64::from(v) * norm.scale[i / width]) as f32;
        values.iter().enumerate().map(scaled).collect()
    }
}

/// To f32.
pub fn rounded(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// Lanes of values by channel.
pub fn lanes(values: &[f32]) -> Vec<Lane> {
    lane::pack(values.len(), |channel| values[channel])
}

/// Turns rows by channel, `[channel, width]`, into `[lane, width]` lanes.
pub fn lane_columns(rows: &[f32], channels: usize) -> Vec<Lane> {
    let width = rows.len() / channels;
    let of = |l: usize, k: usize| {
        Lane(std::array::from_fn(|i| match l * WIDTH + i {
            channel if channel < channels => rows[channel * width + k],
            _ => 0.0,
        }))
    };
    (0..lane::count(channels)).flat_map(|l| (0..width).map(move |k| of(l, k))).collect()
}

/// Turns rows by channel, `[channel, width]`, into `[lane of width, lane * 32]` lanes: channels filled up with
/// zeros, and each with its row in lanes.
pub fn lane_rows(rows: &[f32], channels: usize) -> Vec<Lane> {
    let width = rows.len() / channels;
    let of = |o: usize, channel: usize| {
        Lane(std::array::from_fn(|i| match o * WIDTH + i {
            k if channel < channels && k < width => rows[channel * width + k],
            _ => 0.0,
        }))
    };
    let filled = lane::count(channels) * WIDTH;
    (0..lane::count(width)).flat_map(|o| (0..filled).map(move |channel| of(o, channel))).collect()
}
