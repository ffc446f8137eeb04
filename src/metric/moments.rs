//! Correlations of responses that come in parts, so that a data set of any size is scored in the memory of
//! one trial: only moments are kept of each neuron.

use ndarray::ArrayView2;

use super::correlation::RESPONSE_SD_EPSILON;
use super::statistics::centred;

/// Means, squares and products of two sets of responses, neuron by neuron, over all parts added so far.
#[derive(Debug, Clone)]
pub struct PairedMoments {
    frames: usize,
    neurons: Vec<Moments>,
}

/// Of one neuron; sums of squares and products of deviations, as in Chan, Golub & LeVeque (1983).
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    means: [f64; 2],
    /// Of the deviations from the mean over all parts: squares of both, product.
    about_mean: [f64; 3],
    /// The same about the mean of each part.
    about_part_means: [f64; 3],
}

impl PairedMoments {
    /// Starts without a frame.
    pub fn new(neurons: usize) -> Self {
        Self { frames: 0, neurons: vec![Moments::default(); neurons] }
    }

    /// Counts the frames added so far.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Adds a part: some frames of two sets of responses.
    ///
    /// # Shapes
    /// - `a`, `b`: `[neuron, frame]`
    ///
    /// # Panics
    /// When the shapes differ, or there are other neurons than before.
    pub fn add(&mut self, a: ArrayView2<f32>, b: ArrayView2<f32>) {
        assert_eq!(a.dim(), b.dim(), "responses of different shapes");
        let (neurons, frames) = a.dim();
        assert_eq!(neurons, self.neurons.len(), "responses of other neurons");
        if frames == 0 {
            return;
        }
        for (moments, (a, b)) in self.neurons.iter_mut().zip(a.outer_iter().zip(b.outer_iter())) {
            let part = [a, b].map(|row| centred(&row.iter().map(|&v| f64::from(v)).collect::<Vec<_>>()));
            moments.add(self.frames as f64, part.each_ref().map(|p| (p.mean, p.deviations.as_slice())));
        }
        self.frames += frames;
    }

    /// Pearson's r of each neuron over all parts, with 1e-8 added to each standard deviation (ddof 0), so
    /// that it equals [`neuron_correlations`] of the joined parts: 0 for a neuron that never changes, NaN
    /// without frames.
    ///
    /// [`neuron_correlations`]: super::correlation::neuron_correlations
    pub fn correlations(&self) -> Vec<f64> {
        let count = self.frames as f64;
        let sd = |squares: f64| (squares / count).sqrt() + RESPONSE_SD_EPSILON;
        let r = |Moments { about_mean: [a, b, ab], .. }: &Moments| ab / count / (sd(*a) * sd(*b));
        self.neurons.iter().map(r).collect()
    }

    /// Pearson's r of each neuron over all parts; NaN when one side never changes.
    pub fn plain_correlations(&self) -> Vec<f64> {
        self.neurons.iter().map(|Moments { about_mean: [a, b, ab], .. }| ab / (a * b).sqrt()).collect()
    }

    /// Sums of deviations from the mean over all parts: of each neuron the squares of both sides and the products.
    pub fn over_all(&self) -> impl Iterator<Item = [f64; 3]> {
        self.neurons.iter().map(|moments| moments.about_mean)
    }

    /// Sums, over the parts, of deviations from the part's own mean: of each neuron the squares of both
    /// sides and the products.
    pub fn within_parts(&self) -> impl Iterator<Item = [f64; 3]> {
        self.neurons.iter().map(|moments| moments.about_part_means)
    }
}

impl Moments {
    /// Adds a part to what `frames` frames gave: of both sides the mean and the deviations from it.
    fn add(&mut self, frames: f64, [(mean_a, a), (mean_b, b)]: [(f64, &[f64]); 2]) {
        let added = a.len() as f64;
        let sum = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        let part = [sum(a, a), sum(b, b), sum(a, b)];
        let apart = [mean_a - self.means[0], mean_b - self.means[1]];
        // Means that lie apart add to the squares as much as two heaps of frames at those means would.
        let weight = frames * added / (frames + added);
        let between = [apart[0] * apart[0], apart[1] * apart[1], apart[0] * apart[1]];
        for k in 0..3 {
            self.about_part_means[k] += part[k];
            self.about_mean[k] += part[k] + weight * between[k];
        }
        for (mean, apart) in self.means.iter_mut().zip(apart) {
            *mean += apart * added / (frames + added);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::correlation::neuron_correlations;
    use ndarray::{Array2, Axis, concatenate};

    #[test]
    fn parts_give_the_correlations_of_the_whole() {
        let wave = |neuron: usize, frame: usize| ((neuron * 7 + frame * frame) % 23) as f32 * 3.1;
        let a = Array2::from_shape_fn((4, 31), |(n, t)| wave(n, t) + 400.0);
        let b = Array2::from_shape_fn((4, 31), |(n, t)| if n == 3 { 127.1 } else { wave(n, t + n) });
        let mut moments = PairedMoments::new(4);
        for part in [0..1, 1..17, 17..17, 17..31] {
            let part = ndarray::Slice::from(part);
            moments.add(a.slice_axis(Axis(1), part), b.slice_axis(Axis(1), part));
        }
        assert_eq!(moments.frames(), 31);
        let expected = neuron_correlations(a.view(), b.view());
        for (found, expected) in moments.correlations().iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}"); // order of f64 sums
        }
        // What never changes is known exactly not to: no rounding passes for a correlation.
        assert_eq!(moments.correlations()[3], 0.0);
        assert!(moments.plain_correlations()[3].is_nan());
        assert!(PairedMoments::new(1).correlations()[0].is_nan());
    }

    #[test]
    fn within_parts_the_distance_of_their_means_does_not_count() {
        let a = ndarray::array![[1.0f32, 2.0, 3.0]];
        let far = a.mapv(|v| v + 1000.0);
        let mut moments = PairedMoments::new(1);
        moments.add(a.view(), far.view());
        moments.add(far.view(), a.view());
        assert_eq!(moments.within_parts().collect::<Vec<_>>(), [[4.0, 4.0, 4.0]]);
        let joined = |x: &Array2<f32>, y: &Array2<f32>| concatenate(Axis(1), &[x.view(), y.view()]).unwrap();
        let whole = neuron_correlations(joined(&a, &far).view(), joined(&far, &a).view())[0];
        assert!((moments.correlations()[0] - whole).abs() < 1e-12); // order of f64 sums
        assert!(whole < -0.99);
    }
}
