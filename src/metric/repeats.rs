//! How much of a neuron's responses repeats when a movie does, and how much of that a model explains: the
//! part of the responses that movies fix is the most that a model of movies can predict.

use ndarray::{Array2, ArrayView3, Axis};

use super::moments::PairedMoments;
use super::statistics::centred;

mod stills;

use stills::Stills;

/// What repeated showings say of each neuron; movies are added one by one.
#[derive(Debug, Clone)]
pub struct Repeats {
    movies: usize,
    showings: usize,
    /// Degrees of freedom of the variances over time: frames of each movie less 1.
    freedom: f64,
    leave_one_out: PairedMoments,
    powers: Vec<Powers>,
    /// The same over movies instead of over time, for movies during which nothing changes.
    stills: Stills,
}

/// Variances over time of one neuron, each times the degrees of freedom.
#[derive(Debug, Clone, Copy, Default)]
struct Powers {
    signal: f64,
    total: f64,
}

impl Repeats {
    /// Starts without a movie.
    pub fn new(neurons: usize) -> Self {
        Self {
            movies: 0,
            showings: 0,
            freedom: 0.0,
            leave_one_out: PairedMoments::new(neurons),
            powers: vec![Powers::default(); neurons],
            stills: Stills::new(neurons),
        }
    }

    /// Counts the movies.
    pub fn movies(&self) -> usize {
        self.movies
    }

    /// Counts the showings of all movies.
    pub fn showings(&self) -> usize {
        self.showings
    }

    /// Adds a movie's responses, one showing after the other.
    ///
    /// # Shapes
    /// - `showings`: `[showing, neuron, frame]`, at least 2 showings
    ///
    /// # Panics
    /// When there are fewer showings, or other neurons than before.
    pub fn add(&mut self, showings: ArrayView3<f32>) {
        let (count, neurons, frames) = showings.dim();
        assert!(count >= 2, "one showing is no repeat");
        assert_eq!(neurons, self.powers.len(), "responses of other neurons");
        self.movies += 1;
        self.showings += count;
        if frames == 0 {
            return;
        }
        let sum = showings.map_axis(Axis(0), |values| values.iter().map(|&v| f64::from(v)).sum::<f64>());
        for showing in showings.outer_iter() {
            let others = Array2::from_shape_fn((neurons, frames), |at| {
                ((sum[at] - f64::from(showing[at])) / (count as f64 - 1.0)) as f32
            });
            self.leave_one_out.add(others.view(), showing);
        }
        self.stills.add(showings);
        self.freedom += frames as f64 - 1.0;
        let count = count as f64;
        for (neuron, powers) in self.powers.iter_mut().enumerate() {
            let of_sum = square_deviations(sum.row(neuron).iter().copied());
            let alone: f64 = showings
                .index_axis(Axis(1), neuron)
                .outer_iter()
                .map(|showing| square_deviations(showing.iter().map(|&v| f64::from(v))))
                .sum();
            powers.signal += (of_sum - alone) / (count * (count - 1.0));
            powers.total += alone / count;
        }
    }

    /// Says whether no response to any of the movies changes during it, as when each is a still image and one number its
    /// response. What repeats is then what differs between images: signal power is the variance over images of the
    /// responses that are to be expected, from a one-way analysis of variance.
    pub fn are_stills(&self) -> bool {
        self.movies > 1 && self.powers.iter().all(|powers| powers.total == 0.0)
    }

    /// Oracle score of each neuron: the correlation, over all showings and frames at once, of each showing
    /// with the mean of the movie's other showings (`compute_oracle_corr` of neuralpredictors, Sensorium
    /// 2022 and 2023). NaN for a neuron that never changes.
    pub fn oracle(&self) -> Vec<f64> {
        self.leave_one_out.plain_correlations()
    }

    /// Signal power of each neuron, the variance over time of what repeats:
    /// `SP = (Var(sum_n R_n) - sum_n Var(R_n)) / (N (N - 1))` over the N showings R_n (Sahani & Linden 2003;
    /// Schoppe et al. 2016). An unbiased estimate, so that it is negative for about half of the
    /// neurons that ignore the movie.
    ///
    /// Several movies are averaged by their frames, each about its own mean, because showings of different
    /// movies can't be paired. Of still images, during which no response changes, see [`Repeats::are_stills`].
    pub fn signal_power(&self) -> Vec<f64> {
        if self.are_stills() {
            return self.stills.powers().iter().map(|[signal, _]| *signal).collect();
        }
        self.powers.iter().map(|powers| powers.signal / self.freedom).collect()
    }

    /// Share of the variance over time that repeats: signal power over the mean variance of one showing.
    /// NaN for a neuron that never changes.
    pub fn explainable_variance(&self) -> Vec<f64> {
        if self.are_stills() {
            return self.stills.powers().iter().map(|[signal, noise]| signal / (signal + noise)).collect();
        }
        self.powers.iter().map(|powers| powers.signal / powers.total).collect()
    }

    /// CCnorm of each neuron: the correlation of a prediction with the mean response, over the most it can
    /// be for these few showings: `Cov(x, y) / sqrt(Var(x) SP)` (Schoppe et al. 2016,
    /// 10.3389/fncom.2016.00010). 1 is a perfect model of the movie; estimates scatter above it, and a model
    /// that also knows the behavior, whose share does not average out of a few showings, may lie above it.
    /// NaN for a neuron without signal power, and for a prediction that never changes.
    ///
    /// `predictions` holds, for each movie that was added, the prediction and [`mean_response`]. A prediction
    /// differs between showings when the animal behaves differently: it is averaged as the responses are.
    pub fn normalised_correlations(&self, predictions: &PairedMoments) -> Vec<f64> {
        if self.are_stills() {
            let of = |([signal, _], [x, _, xy]): (&[f64; 2], [f64; 3])| {
                let squares = signal * self.stills.freedom();
                if squares > 0.0 { xy / (x * squares).sqrt() } else { f64::NAN }
            };
            return self.stills.powers().iter().zip(predictions.over_all()).map(of).collect();
        }
        let of = |(powers, [x, _, xy]): (&Powers, [f64; 3])| {
            if powers.signal > 0.0 { xy / (x * powers.signal).sqrt() } else { f64::NAN }
        };
        self.powers.iter().zip(predictions.within_parts()).map(of).collect()
    }
}

/// Averages showings of one movie, `[showing, neuron, frame]` -> `[neuron, frame]`; NaN without showings.
pub fn mean_response(showings: ArrayView3<f32>) -> Array2<f32> {
    let count = showings.dim().0 as f64;
    showings.map_axis(Axis(0), |values| (values.iter().map(|&v| f64::from(v)).sum::<f64>() / count) as f32)
}

fn square_deviations(values: impl Iterator<Item = f64>) -> f64 {
    centred(&values.collect::<Vec<_>>()).deviations.iter().map(|d| d * d).sum()
}

#[cfg(test)]
#[path = "repeats_tests.rs"]
mod tests;
