//! Which neurons the loss sees, so that a movie can be reconstructed with fewer of them.

use ndarray::{Array2, ArrayView2};

use crate::metric::correlation;

/// The neurons whose responses a reconstruction has to match.
///
/// Unlike Bauer et al., neurons that are left out leave the loss: they set the ablated neurons' responses to 0 and let
/// the movie drive the predictions of these neurons there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Population {
    /// One a neuron; all of them when absent.
    kept: Option<Vec<bool>>,
}

impl Population {
    /// Every recorded neuron.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those that are `true`; when all are, this is the same as [`Population::all`].
    pub fn only(kept: Vec<bool>) -> Self {
        let whole = kept.iter().all(|&kept| kept);
        Self { kept: (!whole).then_some(kept) }
    }

    /// Says whether a neuron is matched.
    pub fn has(&self, neuron: usize) -> bool {
        self.kept.as_ref().is_none_or(|kept| kept[neuron])
    }

    /// Counts those matched among `neurons` recorded ones.
    pub fn count(&self, neurons: usize) -> usize {
        self.kept.as_ref().map_or(neurons, |kept| kept.iter().filter(|&&kept| kept).count())
    }

    /// One for each neuron, or nothing when every one is matched.
    pub fn mask(&self) -> Option<&[bool]> {
        self.kept.as_deref()
    }

    /// Correlates predicted and recorded responses, `[neuron, frame]`: the mean over the neurons matched.
    pub fn response_correlation(&self, predicted: ArrayView2<f32>, recorded: ArrayView2<f32>) -> f64 {
        let Some(kept) = &self.kept else { return correlation::response_correlation(predicted, recorded) };
        let [predicted, recorded] = [predicted, recorded].map(|responses| rows(responses, kept, true));
        correlation::response_correlation(predicted.view(), recorded.view())
    }

    /// The same over the neurons that are not matched; NaN when there are none.
    pub fn left_out_correlation(&self, predicted: ArrayView2<f32>, recorded: ArrayView2<f32>) -> f64 {
        let Some(kept) = &self.kept else { return f64::NAN };
        let [predicted, recorded] = [predicted, recorded].map(|responses| rows(responses, kept, false));
        correlation::response_correlation(predicted.view(), recorded.view())
    }
}

/// Picks the rows whose neuron is kept, or those whose is not.
fn rows(responses: ArrayView2<f32>, kept: &[bool], wanted: bool) -> Array2<f32> {
    let chosen: Vec<usize> = (0..kept.len()).filter(|&n| kept[n] == wanted).collect();
    responses.select(ndarray::Axis(0), &chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn kept_and_left_out_neurons_are_correlated_apart() {
        let recorded = array![[1.0f32, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 5.0, 2.0]];
        let predicted = array![[2.0f32, 4.0, 6.0], [1.0, 2.0, 3.0], [2.0, 6.0, 3.0]];
        let some = Population::only(vec![true, false, true]);
        assert_eq!((some.count(3), some.has(1), some.has(2)), (2, false, true));
        // 1e-8 is added to every standard deviation.
        assert!((some.response_correlation(predicted.view(), recorded.view()) - 1.0).abs() < 1e-6);
        assert!((some.left_out_correlation(predicted.view(), recorded.view()) + 1.0).abs() < 1e-6);
        let all = Population::only(vec![true; 3]);
        assert_eq!(all, Population::all());
        assert!((all.response_correlation(predicted.view(), recorded.view()) - 1.0 / 3.0).abs() < 1e-6);
        assert!(all.left_out_correlation(predicted.view(), recorded.view()).is_nan());
    }
}
