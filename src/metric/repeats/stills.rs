//! What repeated showings of still images say of neurons that answer each with one number: how much of it differs
//! between images, and how much between showings of one.

use ndarray::{ArrayView3, Axis};

/// One-way analysis of variance over images with random effects, neuron by neuron; numbers of showings may differ.
#[derive(Debug, Clone)]
pub(super) struct Stills {
    images: f64,
    frames: f64,
    showings: f64,
    /// Sum over images of their showings squared.
    showings_squared: f64,
    neurons: Vec<Sums>,
}

/// Of one neuron.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// Over showings.
    responses: f64,
    /// Over showings, of the mean over an image's showings, squared.
    means_squared: f64,
    /// Squared deviations from that mean.
    within: f64,
}

impl Stills {
    pub(super) fn new(neurons: usize) -> Self {
        let sums = vec![Sums::default(); neurons];
        Self { images: 0.0, frames: 0.0, showings: 0.0, showings_squared: 0.0, neurons: sums }
    }

    /// Adds the showings of an image, `[showing, neuron, frame]`, of which the first frame says all.
    pub(super) fn add(&mut self, showings: ArrayView3<f32>) {
        let (count, _, frames) = showings.dim();
        let count = count as f64;
        self.images += 1.0;
        self.frames += frames as f64;
        self.showings += count;
        self.showings_squared += count * count;
        let first = showings.index_axis(Axis(2), 0);
        for (sums, responses) in self.neurons.iter_mut().zip(first.axis_iter(Axis(1))) {
            let sum = responses.iter().map(|&r| f64::from(r)).sum::<f64>();
            let mean = sum / count;
            sums.responses += sum;
            sums.means_squared += count * mean * mean;
            sums.within += responses.iter().map(|&r| (f64::from(r) - mean).powi(2)).sum::<f64>();
        }
    }

    /// Estimates, without bias, the variance over images of what is to be expected, and that of one showing about it.
    pub(super) fn powers(&self) -> Vec<[f64; 2]> {
        let freedom = self.images - 1.0;
        // As many as each image was shown; of unequal numbers the n0 of Searle, Casella & McCulloch (1992).
        let shown = (self.showings - self.showings_squared / self.showings) / freedom;
        let of = |sums: &Sums| {
            let between = (sums.means_squared - sums.responses.powi(2) / self.showings) / freedom;
            let noise = sums.within / (self.showings - self.images);
            [(between - noise) / shown, noise]
        };
        self.neurons.iter().map(of).collect()
    }

    /// Degrees of freedom of a variance over images, each counted by its frames.
    pub(super) fn freedom(&self) -> f64 {
        (self.images - 1.0) * self.frames / self.images
    }
}
