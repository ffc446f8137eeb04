//! Scores of responses against known signal and noise, and against the formulas written out.

use super::*;
use crate::metric::correlation::neuron_correlations;
use crate::seed;
use ndarray::{Array1, Array3, s};
use rand_distr::{Distribution, StandardNormal};

fn normal(name: &str, count: usize) -> Vec<f64> {
    let mut rng = seed::stream("test", name, &[]);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// Responses of one neuron, `[showing, 1, frame]`: a signal of variance 1 and noise of variance `noise`.
fn showings(signal: &[f64], noise: f64, count: usize) -> Array3<f32> {
    let drawn = normal("noise", count * signal.len());
    Array3::from_shape_fn((count, 1, signal.len()), |(showing, _, frame)| {
        (signal[frame] + noise.sqrt() * drawn[showing * signal.len() + frame]) as f32
    })
}

fn row(values: &[f64]) -> Array2<f32> {
    Array1::from_iter(values.iter().map(|&v| v as f32)).insert_axis(Axis(0))
}

/// Variance with ddof 1, as it is taught.
fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (values.len() as f64 - 1.0)
}

#[test]
fn signal_power_is_the_published_formula_and_the_same_from_the_variance_of_the_mean() {
    let responses = showings(&normal("signal", 50), 2.0, 4);
    let mut repeats = Repeats::new(1);
    repeats.add(responses.view());
    let rows: Vec<Vec<f64>> =
        responses.outer_iter().map(|r| r.iter().map(|&v| f64::from(v)).collect()).collect();
    let sum: Vec<f64> = (0..50).map(|t| rows.iter().map(|row| row[t]).sum()).collect();
    let mean: Vec<f64> = sum.iter().map(|v| v / 4.0).collect();
    let total = rows.iter().map(|row| variance(row)).sum::<f64>() / 4.0;
    let published = (variance(&sum) - 4.0 * total) / (4.0 * 3.0);
    let found = repeats.signal_power()[0];
    assert!((found - published).abs() < 1e-12, "{found} {published}"); // order of f64 sums
    // SP = Var(mean) - NP / N with the noise power NP = TP - SP.
    assert!((found - (variance(&mean) - (total - found) / 4.0)).abs() < 1e-12);
    assert!((repeats.explainable_variance()[0] - found / total).abs() < 1e-12);
}

#[test]
fn the_oracle_is_each_showing_against_the_mean_of_the_others() {
    let movies = [showings(&normal("one", 20), 1.0, 3), showings(&normal("two", 31), 1.0, 5) + 2.0];
    let mut repeats = Repeats::new(1);
    let (mut others, mut own) = (Vec::new(), Vec::new());
    for movie in &movies {
        repeats.add(movie.view());
        let (count, _, frames) = movie.dim();
        for k in 0..count {
            for t in 0..frames {
                let rest =
                    (0..count).filter(|&other| other != k).map(|other| f64::from(movie[[other, 0, t]]));
                others.push(rest.sum::<f64>() / (count as f64 - 1.0));
                own.push(f64::from(movie[[k, 0, t]]));
            }
        }
    }
    let expected = neuron_correlations(row(&others).view(), row(&own).view())[0];
    // Means are rounded to f32 on the way.
    assert!((repeats.oracle()[0] - expected).abs() < 1e-6, "{} {expected}", repeats.oracle()[0]);
    assert_eq!((repeats.movies(), repeats.showings()), (2, 8));
}

#[test]
fn all_scores_of_a_perfect_and_of_a_poor_model_are_what_signal_and_noise_say() {
    let (frames, count, noise) = (20_000, 5, 3.0);
    let signal = normal("signal", frames);
    let responses = showings(&signal, noise, count);
    let mut repeats = Repeats::new(1);
    repeats.add(responses.view());
    // Five standard errors of a correlation of so many frames, and as much again for what showings share.
    let tolerance = 10.0 / (frames as f64).sqrt();
    let close = |found: f64, expected: f64, what: &str| {
        assert!((found - expected).abs() < tolerance, "{what}: {found}, expected {expected}");
    };
    let n = count as f64;
    close(repeats.signal_power()[0], 1.0, "signal power");
    close(repeats.explainable_variance()[0], 1.0 / (1.0 + noise), "explainable variance");
    close(repeats.oracle()[0], 1.0 / ((1.0 + noise) * (1.0 + noise / (n - 1.0))).sqrt(), "oracle");
    // A model that is `rho` like the signal; a perfect one has 1.
    for rho in [1.0, 0.6] {
        let other = normal("model", frames);
        let model: Vec<f64> = signal
            .iter()
            .zip(other)
            .map(|(s, o)| 40.0 * (rho * s + (1.0 - rho * rho).sqrt() * o) + 7.0)
            .collect();
        let model = row(&model);
        let (mut single, mut average) = (PairedMoments::new(1), PairedMoments::new(1));
        for showing in responses.outer_iter() {
            single.add(model.view(), showing);
        }
        average.add(model.view(), mean_response(responses.view()).view());
        close(single.correlations()[0], rho / (1.0 + noise).sqrt(), "single trial");
        close(average.correlations()[0], rho / (1.0 + noise / n).sqrt(), "to the average");
        close(repeats.normalised_correlations(&average)[0], rho, "CCnorm");
    }
}

#[test]
fn without_noise_ccnorm_is_the_correlation_and_without_signal_there_is_none() {
    let signal = normal("signal", 200);
    let responses = Array3::from_shape_fn((3, 3, 200), |(showing, neuron, t)| match neuron {
        0 => signal[t] as f32,
        1 => 127.1,
        // The third showing takes back what the first two say: the sum is silent, the power negative.
        _ => [1.0, 1.0, -2.0][showing] * signal[t] as f32,
    });
    let mut repeats = Repeats::new(3);
    repeats.add(responses.view());
    let model = Array2::from_shape_fn((3, 200), |(_, t)| (signal[t] + normal("error", 200)[t]) as f32);
    let mut average = PairedMoments::new(3);
    average.add(model.view(), mean_response(responses.view()).view());
    let found = repeats.normalised_correlations(&average);
    assert!((found[0] - average.plain_correlations()[0]).abs() < 1e-6); // the mean is rounded to f32
    assert!(found[1].is_nan() && found[2].is_nan(), "{found:?}");
    assert!(repeats.signal_power()[1] == 0.0 && repeats.signal_power()[2] < 0.0);
    assert!(repeats.oracle()[1].is_nan() && repeats.explainable_variance()[1].is_nan());
}

#[test]
fn several_movies_count_by_their_frames_each_about_its_own_mean() {
    let responses = showings(&normal("signal", 90), 1.0, 4);
    let (first, second) = (responses.slice(s![.., .., ..30]), responses.slice(s![.., .., 30..]));
    // As if the animal had been more awake for the second movie: no signal within a movie.
    let second = second.mapv(|v| v + 100.0);
    let power = |movies: &[ArrayView3<f32>]| {
        let mut repeats = Repeats::new(1);
        movies.iter().for_each(|movie| repeats.add(*movie));
        repeats.signal_power()[0]
    };
    let (a, b, both) = (power(&[first]), power(&[second.view()]), power(&[first, second.view()]));
    let expected = (29.0 * a + 59.0 * b) / 88.0;
    assert!((both - expected).abs() < 1e-9, "{both} {expected}"); // f64 sums of squares about 100
}

/// One cell's responses to still images, each held for three frames: a part per image of variance 1 and noise.
fn stills(images: &[f64], noise: f64, shown: impl Fn(usize) -> usize) -> Vec<Array3<f32>> {
    let drawn = normal("noise of stills", images.len() * 10);
    let one = |image: usize, showing: usize| images[image] + noise.sqrt() * drawn[image * 10 + showing];
    let of = |image: usize| {
        Array3::from_shape_fn((shown(image), 1, 3), |(showing, _, _)| one(image, showing) as f32)
    };
    (0..images.len()).map(of).collect()
}

#[test]
fn of_still_images_signal_and_noise_are_told_apart_over_images() {
    let images = normal("images", 4000);
    let (mut repeats, mut exact, mut other) = (Repeats::new(1), PairedMoments::new(1), PairedMoments::new(1));
    let noise = row(&normal("of a wrong model", 3 * images.len()));
    for (image, showings) in stills(&images, 3.0, |image| 2 + image % 4).iter().enumerate() {
        repeats.add(showings.view());
        let mean = mean_response(showings.view());
        exact.add(row(&[images[image]; 3]).view(), mean.view());
        let wrong = f64::from(noise[[0, image]]);
        other.add(row(&[images[image] + wrong; 3]).view(), mean.view());
    }
    assert!(repeats.are_stills());
    // 4000 images: a variance of 1 within 4 standard errors of about 0.035.
    assert!((repeats.signal_power()[0] - 1.0).abs() < 0.14, "{:?}", repeats.signal_power());
    assert!((repeats.explainable_variance()[0] - 0.25).abs() < 0.03, "{:?}", repeats.explainable_variance());
    // The model that knows the images is perfect however noisy the neuron is; one of half signal has 1 / sqrt(2).
    let [exact, other] = [exact, other].map(|moments| repeats.normalised_correlations(&moments)[0]);
    assert!((exact - 1.0).abs() < 0.1 && (other - 0.5f64.sqrt()).abs() < 0.1, "{exact} {other}");
}

#[test]
fn equal_numbers_of_showings_give_the_published_formula_over_images() {
    let images = normal("images", 30);
    let all = stills(&images, 2.0, |_| 4);
    let mut repeats = Repeats::new(1);
    all.iter().for_each(|showings| repeats.add(showings.view()));
    // Images side by side are a movie whose frames they are; there, the mean of each pass counts for nothing, here it is
    // noise as well: pairs of passes that are told apart by chance alone.
    let movie = Array3::from_shape_fn((4, 1, 30), |(showing, _, image)| all[image][[showing, 0, 0]]);
    let mut as_movie = Repeats::new(1);
    as_movie.add(movie.view());
    let [over_images, over_time] = [repeats, as_movie].map(|repeats| repeats.signal_power()[0]);
    // The two differ by the variance of four passes' means over 30 images, about 2 / 30 / 4.
    assert!((over_images - over_time).abs() < 0.05, "{over_images} {over_time}");
}

#[test]
fn movies_that_change_are_no_stills() {
    let mut repeats = Repeats::new(1);
    repeats.add(showings(&[1.0, 1.0, 1.0], 0.0, 2).view());
    assert!(!repeats.are_stills(), "one movie says nothing over movies");
    repeats.add(showings(&normal("signal", 20), 1.0, 2).view());
    assert!(!repeats.are_stills());
}
