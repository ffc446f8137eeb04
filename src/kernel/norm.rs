//! Batch norm as the fused operators see it: a scale and a shift for each channel, and the way back
//! through the statistics that they came from.

use super::lane::{self, Lane, WIDTH};

/// Added to the variance. PyTorch's default.
pub const EPSILON: f64 = 1e-5;

/// Running mean and variance, or nothing when the batch's own are to be used.
pub type Running = Option<[Vec<f32>; 2]>;

/// A batch norm whose statistics are known.
#[derive(Debug, Clone)]
pub struct Norm {
    /// Mean of each channel.
    pub mean: Vec<f32>,
    /// `1 / sqrt(variance + epsilon)`.
    pub inverse: Vec<f32>,
    /// `gamma * inverse`.
    pub scale: Vec<f32>,
    /// `beta - mean * scale`.
    pub shift: Vec<f32>,
}

impl Norm {
    /// Combines parameters and statistics.
    pub fn new(gamma: &[f32], beta: &[f32], mean: &[f32], variance: &[f32]) -> Self {
        let inverse: Vec<f64> = variance.iter().map(|&v| 1.0 / (f64::from(v) + EPSILON).sqrt()).collect();
        let scale: Vec<f64> = gamma.iter().zip(&inverse).map(|(&g, r)| f64::from(g) * r).collect();
        let shift = beta.iter().zip(mean).zip(&scale);
        Self {
            mean: mean.to_vec(),
            shift: shift.map(|((&b, &m), s)| (f64::from(b) - f64::from(m) * s) as f32).collect(),
            inverse: inverse.into_iter().map(|v| v as f32).collect(),
            scale: scale.into_iter().map(|v| v as f32).collect(),
        }
    }

    /// Counts the channels.
    pub fn channels(&self) -> usize {
        self.scale.len()
    }

    /// Packs mean, scale and shift into lanes.
    pub fn lanes(&self) -> [Vec<Lane>; 3] {
        [&self.mean, &self.scale, &self.shift].map(|values| pack(values))
    }

    /// Turns `sums` over rows of the gradient `d` behind the norm, `d` and `d * (x - mean)`, into
    /// gradients to gamma and beta, and to mean and variance.
    pub fn gradients(&self, sums: &Sums) -> NormGradients {
        let by_channel = |f: &dyn Fn(usize) -> f64| (0..self.channels()).map(|c| f(c) as f32).collect();
        let inverse = |c: usize| f64::from(self.inverse[c]);
        let scale = |c: usize| f64::from(self.scale[c]);
        NormGradients {
            gamma: by_channel(&|c| sums.products[c] * inverse(c)),
            beta: by_channel(&|c| sums.plain[c]),
            mean: by_channel(&|c| -scale(c) * sums.plain[c]),
            variance: by_channel(&|c| -0.5 * scale(c) * inverse(c) * inverse(c) * sums.products[c]),
        }
    }
}

/// What [`Norm::gradients`] found.
#[derive(Debug, Clone)]
pub struct NormGradients {
    /// To gamma.
    pub gamma: Vec<f32>,
    /// To beta.
    pub beta: Vec<f32>,
    /// To the mean.
    pub mean: Vec<f32>,
    /// To the variance.
    pub variance: Vec<f32>,
}

/// Sums over rows of a gradient, and of its products with the distance from the mean.
#[derive(Debug, Clone)]
pub struct Sums {
    /// Of the gradient.
    pub plain: Vec<f64>,
    /// Of gradient times `x - mean`.
    pub products: Vec<f64>,
}

impl Sums {
    /// All zeros, for this many channels; filled up to whole lanes.
    pub fn new(channels: usize) -> Self {
        let size = lane::count(channels) * WIDTH;
        Self { plain: vec![0.0; size], products: vec![0.0; size] }
    }

    /// Adds to the channels of lane `lane`.
    pub fn add(&mut self, lane: usize, [plain, products]: [Lane; 2]) {
        add_lane(&mut self.plain, lane, &plain);
        add_lane(&mut self.products, lane, &products);
    }

    /// Adds parts up in their order.
    pub fn total(channels: usize, parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().fold(Self::new(channels), |mut total, part| {
            for (t, p) in total.plain.iter_mut().zip(&part.plain) {
                *t += p;
            }
            for (t, p) in total.products.iter_mut().zip(&part.products) {
                *t += p;
            }
            total
        })
    }
}

/// Adds one lane to the channels it holds.
pub fn add_lane(total: &mut [f64], lane: usize, values: &Lane) {
    for (t, v) in total[lane * WIDTH..(lane + 1) * WIDTH].iter_mut().zip(&values.0) {
        *t += f64::from(*v);
    }
}

/// Packs values by channel into lanes.
pub fn pack(values: &[f32]) -> Vec<Lane> {
    lane::pack(values.len(), |channel| values[channel])
}

/// Mean and squared distances of the channels of a lane, over some rows.
#[derive(Debug, Clone, Copy)]
pub struct Moments {
    count: f64,
    mean: [f64; WIDTH],
    squares: [f64; WIDTH],
}

impl Moments {
    /// Of no rows.
    pub const EMPTY: Self = Self { count: 0.0, mean: [0.0; WIDTH], squares: [0.0; WIDTH] };

    /// Of `count` rows, as [`super::tile::moments`] found them.
    pub fn of(count: usize, [mean, squares]: [Lane; 2]) -> Self {
        Self { count: count as f64, mean: mean.0.map(f64::from), squares: squares.0.map(f64::from) }
    }

    /// Merges two sets of rows (Chan et al. 1979).
    pub fn merge(mut self, other: &Self) -> Self {
        let total = self.count + other.count;
        if total == 0.0 {
            return self;
        }
        for c in 0..WIDTH {
            let delta = other.mean[c] - self.mean[c];
            self.mean[c] += delta * other.count / total;
            self.squares[c] += other.squares[c] + delta * delta * self.count * other.count / total;
        }
        Self { count: total, ..self }
    }

    /// The mean.
    pub fn mean(&self) -> Lane {
        Lane(self.mean.map(|m| m as f32))
    }

    /// The biased variance.
    pub fn variance(&self) -> Lane {
        Lane(self.squares.map(|s| (s / self.count.max(1.0)) as f32))
    }
}
