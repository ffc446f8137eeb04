//! What is kept while trials come and go gives the scores of all of them at once.

use super::*;
use crate::metric::correlation::neuron_correlations;
use ndarray::concatenate;

fn wave(seed: usize, frames: usize) -> Array2<f32> {
    Array2::from_shape_fn((3, frames), |(n, t)| ((seed * 13 + n * 7 + t * t * (seed + 1)) % 29) as f32)
}

#[test]
fn trials_are_scored_all_together_and_showings_as_far_as_the_shortest_goes() {
    let showing = |seed, frames| (wave(seed, frames), vec![wave(seed + 50, frames), wave(seed + 90, frames)]);
    let (once, twice) = (showing(0, 40), [showing(1, 30), showing(2, 28)]);
    let mut tally = Tally::new(3, 2);
    for movie in [&twice[..], std::slice::from_ref(&once)] {
        let mut showings = Showings::default();
        for (recorded, predicted) in movie {
            tally.add_trial(predicted, recorded.view());
            showings.add(recorded.clone(), predicted);
        }
        tally.add_showings(&showings);
    }
    assert_eq!((tally.trials, tally.repeats.movies(), tally.repeats.showings()), (3, 1, 2));

    let all = |arrays: [&Array2<f32>; 3]| concatenate(Axis(1), &arrays.map(|a| a.view())).unwrap();
    let recorded = all([&twice[0].0, &twice[1].0, &once.0]);
    let average = |a: &Array2<f32>, b: &Array2<f32>| 0.5 * (&a.slice(s![.., ..28]) + &b.slice(s![.., ..28]));
    for predictor in 0..2 {
        let predicted = all([&twice[0].1[predictor], &twice[1].1[predictor], &once.1[predictor]]);
        let close = |found: Vec<f64>, expected: Vec<f64>| {
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-9, "{found} {expected}"); // order of f64 sums
            }
        };
        let found = tally.single_trial[predictor].correlations();
        close(found, neuron_correlations(predicted.view(), recorded.view()));
        let predicted = average(&twice[0].1[predictor], &twice[1].1[predictor]);
        let recorded = average(&twice[0].0, &twice[1].0);
        let found = tally.to_average[predictor].correlations();
        close(found, neuron_correlations(predicted.view(), recorded.view()));
    }
}

#[test]
fn the_ensemble_is_the_mean_of_the_members() {
    let members = [wave(1, 5), wave(2, 5), wave(3, 5)];
    let expected = (&members[0] + &members[1] + &members[2]) / 3.0;
    assert_eq!(mean(&members).unwrap(), expected);
    assert!(mean(&[]).is_none());
}
