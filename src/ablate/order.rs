//! In which order neurons are kept. A set of n is always the first n of one order, so that every smaller set lies
//! inside every larger one.

use ndarray::Array2;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::config::Order;
use crate::data::{Mouse, MouseId, TrialId};
use crate::error::{Error, Result};
use crate::evaluate::responses::{Predictor, ResponseScores};
use crate::model::ModelConfig;
use crate::model::checkpoint::{Checkpoint, NamedTensor};
use crate::reconstruct::Population;
use crate::seed;

impl Order {
    /// Says whether every draw is another set of neurons.
    pub fn is_random(self) -> bool {
        self == Self::Random
    }

    /// Says whether neurons with large values are kept first.
    fn largest_first(self) -> bool {
        matches!(self, Self::Deep | Self::Reliable | Self::Peripheral)
    }
}

/// Opens the stream of one subset: no two mice, trials, orders or draws share one.
pub fn stream(run: &str, by: Order, mouse: &MouseId, trial: TrialId, draw: usize) -> ChaCha8Rng {
    let (by, trial, draw) = (by.to_string(), trial.to_string(), draw.to_string());
    seed::stream(run, "ablate/neurons", &[&by, &mouse.0, &trial, &draw])
}

/// Orders the neurons of a mouse, the first to be kept first.
///
/// Neurons of equal value come in random order, because those of one imaging plane are all of one depth; neurons
/// without a value come last. `values` has one a neuron; it counts for nothing when the order is random.
pub fn arrange(by: Order, values: &[f64], neurons: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..neurons).collect();
    order.shuffle(rng);
    if by.is_random() {
        return order;
    }
    let sign = if by.largest_first() { -1.0 } else { 1.0 };
    let key = |neuron: &usize| {
        let value = sign * values.get(*neuron).copied().unwrap_or(f64::NAN);
        if value.is_nan() { f64::INFINITY } else { value }
    };
    // Stable: equal ones stay shuffled.
    order.sort_by(|a, b| key(a).total_cmp(&key(b)));
    order
}

/// Keeps the first `count` neurons of an order.
pub fn first(order: &[usize], count: usize) -> Population {
    let mut kept = vec![false; order.len()];
    order[..count.min(order.len())].iter().for_each(|&neuron| kept[neuron] = true);
    Population::only(kept)
}

/// Depths of a mouse's neurons in micrometres.
///
/// # Errors
/// [`Error::Usage`] when they were not recorded.
pub fn depths(mouse: &Mouse) -> Result<Vec<f64>> {
    let Some(places) = &mouse.cell_motor_coordinates else {
        return Err(Error::usage(format!(
            "mouse {}: its recording has no meta/neurons/cell_motor_coordinates.npy; neurons can't be chosen by depth",
            mouse.id
        )));
    };
    Ok(places.column(2).iter().map(|&depth| f64::from(depth)).collect())
}

/// How reliable neurons are, and what that means: the oracle correlation where movies repeat, else how well the
/// ensemble predicts them.
pub fn reliability(scores: &ResponseScores) -> (Vec<f64>, &'static str) {
    if scores.oracle.iter().any(|r| r.is_finite()) {
        return (scores.oracle.clone(), "their correlation between showings of a movie");
    }
    let ensemble = scores.predictors.iter().find(|p| p.predictor == Predictor::Ensemble);
    (ensemble.map_or_else(Vec::new, |p| p.single_trial.clone()), "how well the ensemble predicts them")
}

/// Distances of the neurons' receptive fields from the middle of the encoder's input, in pixels: where the readout of
/// mouse `index` reads, averaged over members.
///
/// # Errors
/// [`Error::Usage`] when the model's neurons have no place to read at: they read the mean over space.
pub fn eccentricities(
    members: Vec<Checkpoint>,
    index: usize,
    mouse: &MouseId,
    input_size: [usize; 2],
) -> Result<Vec<f64>> {
    let places = receptive_fields(members, index, mouse, input_size)?;
    let middle = input_size.map(|length| (length as f64 - 1.0) / 2.0);
    Ok(places.rows().into_iter().map(|xy| (xy[0] - middle[1]).hypot(xy[1] - middle[0])).collect())
}

/// Places that the neurons' readout reads at, averaged over members: `[neuron, (x, y)]` in pixels of the encoder's
/// input.
///
/// # Errors
/// See [`eccentricities`].
pub fn receptive_fields(
    members: Vec<Checkpoint>,
    index: usize,
    mouse: &MouseId,
    [height, width]: [usize; 2],
) -> Result<Array2<f64>> {
    let count = members.len() as f64;
    let mut sum: Option<Array2<f64>> = None;
    for mut member in members {
        let strides = total_stride(&member.config);
        let name = format!("readouts.{index}.position");
        let Some(NamedTensor { values, .. }) = member.tensors.remove(&name) else {
            return Err(Error::usage(format!(
                "mouse {mouse}: its neurons have no receptive-field position: this model reads every neuron from the \
                 mean over space. Train one with model.readout = \"gaussian\", or choose neurons by something else"
            )));
        };
        let pixel = |place: f32, length: usize| {
            // -1 and 1 are the middles of the outermost points of the core's map, which lie `stride` pixels apart
            // from pixel 0 on.
            let last = length.div_ceil(strides).saturating_sub(1) as f64;
            (f64::from(place.clamp(-1.0, 1.0)) + 1.0) / 2.0 * last * strides as f64
        };
        let places = Array2::from_shape_fn((values.len() / 2, 2), |(neuron, axis)| {
            pixel(values[2 * neuron + axis], [width, height][axis])
        });
        sum = Some(sum.map_or_else(|| places.clone(), |sum| sum + &places));
    }
    sum.map(|sum| sum / count).ok_or_else(|| Error::usage("an ensemble has at least one member"))
}

/// Pixels from one point of the core's map to the next.
fn total_stride(config: &ModelConfig) -> usize {
    config.spatial_strides.iter().product()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng(draw: usize) -> ChaCha8Rng {
        stream("run", Order::Random, &MouseId("a".into()), TrialId(3), draw)
    }

    #[test]
    fn sets_have_exact_sizes_and_smaller_ones_lie_inside_larger_ones() {
        for by in [Order::Random, Order::Deep, Order::Central] {
            let values: Vec<f64> = (0..101).map(|n| f64::from(n * 37 % 11)).collect();
            let order = arrange(by, &values, 101, &mut rng(0));
            let mut larger = first(&order, 101);
            assert_eq!(larger, Population::all());
            for count in (1..101).rev() {
                let smaller = first(&order, count);
                assert_eq!(smaller.count(101), count);
                assert!((0..101).all(|neuron| !smaller.has(neuron) || larger.has(neuron)));
                larger = smaller;
            }
        }
    }

    #[test]
    fn no_two_mice_trials_orders_or_draws_share_a_subset() {
        let subset = |by, mouse: &str, trial, draw| {
            let mut rng = stream("run", by, &MouseId(mouse.into()), TrialId(trial), draw);
            arrange(Order::Random, &[], 64, &mut rng)
        };
        let base = subset(Order::Random, "a", 1, 0);
        assert_eq!(base, subset(Order::Random, "a", 1, 0));
        for other in [
            subset(Order::Random, "b", 1, 0),
            subset(Order::Random, "a", 2, 0),
            subset(Order::Random, "a", 1, 1),
            subset(Order::Deep, "a", 1, 0),
            subset(Order::Random, "a", 11, 0),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn values_decide_and_ties_are_broken_by_the_draw() {
        let values = [3.0, 1.0, f64::NAN, 2.0, 1.0];
        let shallow = arrange(Order::Shallow, &values, 5, &mut rng(0));
        assert_eq!((shallow[2], shallow[3], shallow[4]), (3, 0, 2));
        let deep = arrange(Order::Deep, &values, 5, &mut rng(0));
        assert_eq!((deep[0], deep[1], deep[4]), (0, 3, 2));
        let firsts: std::collections::BTreeSet<usize> =
            (0..20).map(|draw| arrange(Order::Shallow, &values, 5, &mut rng(draw))[0]).collect();
        assert_eq!(firsts.into_iter().collect::<Vec<_>>(), [1, 4]);
    }
}
