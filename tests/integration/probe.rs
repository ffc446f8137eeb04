//! Probes of neurons that are known: a made-up linear-nonlinear neuron's field and tuning come out of the analysis as
//! they were put in; through the command line every probe writes what it says, and senseless settings are refused.

use std::f64::consts::{PI, TAU};
use std::fs;

use ndarray::{Array2, Array3, Axis};
use proptest::prelude::*;
use v1reel::probe::stimulus::SparseNoise;
use v1reel::probe::{GratingResponses, Light, ProbeConfig, ReceptiveFields};
use v1reel::seed;

use super::whole_way::Lab;

/// A neuron that filters with a Gabor pair and rectifies, or takes the energy.
#[derive(Debug, Clone, Copy)]
struct Gabor {
    center: [f64; 2],
    direction: f64,
    cycles_per_px: f64,
    sigma: f64,
    lag: usize,
    complex: bool,
}

impl Gabor {
    /// Responses to a movie around 0, `[frame]`.
    fn respond(&self, movie: &Array3<f32>) -> Vec<f32> {
        let (_, height, width) = movie.dim();
        let pair = [0.0, PI / 2.0].map(|phase| {
            Array2::from_shape_fn((height, width), |(y, x)| {
                let [dx, dy] = [x as f64 - self.center[0], y as f64 - self.center[1]];
                let along = self.direction.cos() * dx + self.direction.sin() * dy;
                let envelope = (-0.5 * (dx * dx + dy * dy) / self.sigma.powi(2)).exp();
                (envelope * (TAU * self.cycles_per_px * along + phase).cos()) as f32
            })
        });
        let drive = |frame: usize, k: usize| (&movie.index_axis(Axis(0), frame) * &pair[k]).sum();
        // The odd field four frames later than the even one: tilted in space-time, and so one direction is preferred.
        let later = self.lag + 4;
        let at = |frame: usize| -> f32 {
            let past = |lag: usize, k: usize| frame.checked_sub(lag).map_or(0.0, |then| drive(then, k));
            match self.complex {
                true => (past(self.lag, 0).powi(2) + past(self.lag, 1).powi(2)).sqrt(),
                false => (past(self.lag, 0) + past(later, 1)).max(0.0),
            }
        };
        (0..movie.dim().0).map(at).collect()
    }
}

fn rows(neurons: &[Gabor], movie: &Array3<f32>) -> Array2<f32> {
    let all: Vec<f32> = neurons.iter().flat_map(|neuron| neuron.respond(movie)).collect();
    Array2::from_shape_vec((neurons.len(), movie.dim().0), all).unwrap()
}

fn sparse(movies: usize, frames: usize, size: [usize; 2], noise: SparseNoise) -> Vec<Array3<f32>> {
    let stream = |k: usize| seed::stream("test", "probe", &[&k.to_string()]);
    (0..movies).map(|k| noise.signs(frames, size, &mut stream(k))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn the_field_of_a_known_neuron_is_found_where_it_is_simple_or_complex(
        height in 9usize..14, width in 10usize..18, x in 0.15f64..0.85, y in 0.15f64..0.85, direction in 0.0..TAU,
        lag in 1usize..6, complex in any::<bool>(),
    ) {
        let center = [x * (width - 1) as f64, y * (height - 1) as f64];
        let neuron = Gabor { center, direction, cycles_per_px: 0.12, sigma: 1.6, lag, complex };
        let noise = SparseNoise { square_px: 2, square_frames: 3, density: 0.1 };
        let signs = sparse(6, 400, [height, width], noise);
        let responses: Vec<Array2<f32>> = signs.iter().map(|movie| rows(&[neuron], movie)).collect();
        let found = ReceptiveFields::find(&signs, &responses, 0..13, 2).unwrap();
        let field = found.neurons[0];
        let apart = (field.center_px[0] - center[0]).hypot(field.center_px[1] - center[1]);
        prop_assert!(field.is_found() && field.reliability > 0.5, "{:?}", field);
        // 2,400 frames are 40 flashes of each sign at a pixel; such neurons are found within 0.2 pixels.
        prop_assert!(apart < 0.4, "{} {:?} {:?}", apart, neuron, field);
        prop_assert!(field.lag_frames.abs_diff(lag) <= 1, "{:?} {:?}", neuron, field);
        let sigma = (field.sigma_px[0] * field.sigma_px[1]).sqrt();
        prop_assert!((0.7..1.8).contains(&sigma), "{:?}", field);
    }

    #[test]
    fn direction_and_frequencies_of_a_known_neuron_are_found(
        height in 14usize..20, width in 16usize..24, direction in 0.0..TAU, cycles in 1.6f64..4.0,
    ) {
        let center = [width as f64 / 2.0, height as f64 / 2.0];
        let cycles_per_px = cycles / width as f64;
        // Wide enough to be tuned: several cycles in the field.
        let neuron = Gabor { center, direction, cycles_per_px, sigma: 4.0, lag: 1, complex: false };
        let config = ProbeConfig { grating_frames: 45, cycles_per_second: vec![2.0], ..ProbeConfig::default() };
        let light = Light::around(80.0, 50.0);
        let responses = GratingResponses::of(&config, [height, width], 1, light, 30.0, |count, movie, take| {
            (0..count).for_each(|k| take(k, rows(&[neuron], &(movie(k) - 80.0))));
            Ok(())
        });
        let responses = responses.unwrap();
        let found = responses.tunings()[0];
        prop_assert_eq!(responses.blank[0], 0.0);
        let apart = (found.direction_rad - direction + PI).rem_euclid(TAU) - PI;
        // Twelve directions are half a radian apart, frequencies half an octave; between them it is found much closer.
        prop_assert!(apart.abs() < 0.15, "{} {:?} {:?}", apart, neuron, found);
        prop_assert!((found.cycles_per_px / cycles_per_px).ln().abs() < 0.25, "{:?} {:?}", neuron, found);
        prop_assert!(found.orientation_selectivity > 0.4 && found.direction_selectivity > 0.7, "{:?}", found);
    }
}

#[test]
fn responses_that_say_nothing_give_no_field_and_no_harm() {
    let noise = SparseNoise { square_px: 2, square_frames: 3, density: 0.1 };
    let signs = sparse(2, 60, [5, 6], noise);
    let constant = |value: f32| vec![Array2::from_elem((2, 60), value); 2];
    for value in [0.0, 5.0, f32::NAN, f32::INFINITY] {
        let found = ReceptiveFields::find(&signs, &constant(value), 0..5, 2).unwrap();
        assert!(found.neurons.iter().all(|field| !field.is_found()), "{value}: {:?}", found.neurons);
    }
    // Noise that has nothing to do with the movie: of 60 neurons hardly one seems to have a field.
    let signs = sparse(8, 300, [12, 20], noise);
    let mut rng = seed::stream("test", "unrelated", &[]);
    let draw = |_| Array2::from_shape_simple_fn((60, 300), || rand::Rng::random::<f32>(&mut rng));
    let unrelated: Vec<Array2<f32>> = (0..8).map(draw).collect();
    let found = ReceptiveFields::find(&signs, &unrelated, 0..5, 2).unwrap();
    let count = found.neurons.iter().filter(|field| field.is_found()).count();
    assert!(count <= 3, "{count} of 60");
    for (movies, lags) in [(1, 0..5), (2, 0..500), (2, 3..3)] {
        let signs = &signs[..movies];
        let said = ReceptiveFields::find(signs, &unrelated[..movies], lags, 2).unwrap_err().to_string();
        assert!(said.contains("probe.sparse_movies"), "{said}");
    }
}

/// Settings with which a probe of the tiny mouse takes a moment.
const QUICK: [&str; 16] = [
    "--set",
    "probe.cycles_per_second=[2]",
    "--set",
    "probe.sparse_movies=4",
    "--set",
    "probe.sparse_frames=50",
    "--set",
    "probe.directions=4",
    "--set",
    "probe.cycles_per_width=[2]",
    "--set",
    "probe.grating_frames=40",
    "--set",
    "probe.noise_space_px=[1, 2]",
    "--set",
    "probe.noise_time_frames=[2]",
];

#[test]
fn a_probe_writes_tables_and_pictures_once_and_compares_with_the_truth() {
    let lab = Lab::new("neurons = 12\noracle_fraction = 0.0\n");
    lab.ok(&["train", "small.toml"]);
    lab.ok(&["mask", "small.toml"]);
    let probe = |more: &[&str]| lab.ok(&[&["probe", "small.toml"], &QUICK[..], more].concat());
    let said = probe(&["--set", "probe.noise_frames=40"]);
    for words in [
        "Against the truth",
        "receptive-field centre",
        "neurons shuffled",
        "reconstructed Gaussian noise",
        "2 frames",
        "drifting gratings",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let folder = lab.path("run/probe/mouse");
    let neurons = fs::read_to_string(folder.join("neurons.csv")).unwrap();
    assert_eq!(neurons.lines().count(), 13);
    assert!(neurons.lines().all(|line| line.split(',').count() == 17), "{neurons}");
    let noise = fs::read_to_string(folder.join("noise.csv")).unwrap();
    assert_eq!(noise.lines().count(), 1 + 2 * 2, "{noise}");
    for name in ["centers.png", "fields.png", "directions.png", "spatial_frequencies.png", "noise.png"] {
        assert!(image::open(folder.join(name)).unwrap().width() > 100, "{name}");
    }
    let kept = ["receptive_fields.h5", "gratings.h5", "noise/1px_2frames_negative/ensemble.h5"];
    let written = || kept.map(|name| fs::metadata(folder.join(name)).unwrap().modified().unwrap());
    let first = written();
    let json = probe(&["--set", "probe.noise_frames=40", "--json"]);
    assert_eq!(written(), first);
    let json: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    assert_eq!(
        (json["mice"][0]["neurons"].as_u64(), json["mice"][0]["noise"].as_array().unwrap().len()),
        (Some(12), 2)
    );
    // Other settings ask anew; one question leaves the answers to the others.
    probe(&["--only", "receptive-fields", "--set", "probe.sparse_density=0.2"]);
    let again = written();
    assert!(again[0] != first[0] && again[1..] == first[1..]);
}

#[test]
fn a_mask_comes_from_receptive_fields_or_says_why_not() {
    let lab = Lab::new("neurons = 12\noracle_fraction = 0.0\n");
    lab.ok(&["train", "small.toml"]);
    let from = ["--set", "mask.from=receptive_fields"];
    let made = lab.run(&[&["mask", "small.toml"], &QUICK[..], &from].concat());
    let mask = lab.path("run/masks/mouse.npy");
    // Whether an encoder that hardly learned has fields to speak of is not known here; both ends are whole.
    let said = String::from_utf8_lossy(&made.stderr);
    match made.status.code() {
        Some(0) => assert!(mask.exists()),
        Some(1) => assert!(said.contains("no neuron has a receptive field") && !mask.exists(), "{said}"),
        code => panic!("{code:?}: {said}"),
    }
    let said = lab.fails(2, &["mask", "small.toml", "--set", "mask.from=dreams"]);
    assert!(said.contains("mask.from") || said.contains("dreams"), "{said}");
}

#[test]
fn probes_that_make_no_sense_are_refused_before_they_start() {
    let lab = Lab::new("neurons = 12\noracle_fraction = 0.0\n");
    lab.ok(&["train", "small.toml"]);
    // The tiny mouse's frames are too narrow for the finest of the default gratings.
    let fits = ["--set", "probe.cycles_per_width=[2]"];
    for (setting, words) in [
        ("probe.sparse_movies=1", "probe.sparse_movies is 1, expected at least 2"),
        ("probe.sparse_density=1.5", "probe.sparse_density is 1.5"),
        ("probe.directions=3", "probe.directions is 3"),
        ("probe.cycles_per_width=[]", "probe.cycles_per_width is empty"),
        ("probe.cycles_per_width=[2, 2]", "names one twice"),
        ("probe.cycles_per_second=[0]", "probe.cycles_per_second is 0"),
        ("probe.noise_space_px=[-1]", "probe.noise_space_px is -1"),
        ("probe.noise_frames=1000000000", "probe.noise_frames is 1000000000"),
        ("probe.screen_width_deg=0", "probe.screen_width_deg is 0"),
        ("probe.square_px=0", "probe.square_px is 0"),
        ("probe.sparse_frames=30", "probe.sparse_frames is 30, expected at least 31"),
        ("probe.cycles_per_width=[6]", "a frame of 12 pixels"),
        ("probe.cycles_per_second=[15]", "30 frames a second"),
        ("probe.grating_frames=20", "probe.grating_frames is 20"),
    ] {
        let said = lab.fails(
            2,
            &[
                &["probe", "small.toml", "--only", "gratings,receptive-fields"],
                &fits[..],
                &["--set", setting],
            ]
            .concat(),
        );
        assert!(said.contains(words), "{setting}: {said}");
    }
    let noise = |more: &[&str]| lab.fails(2, &[&["probe", "small.toml", "--only", "noise"], more].concat());
    let said = noise(&["--set", "probe.noise_frames=31"]);
    assert!(said.contains("probe.noise_frames is 31, expected at least 32"), "{said}");
    let said = lab.fails(1, &["probe", "small.toml", "--only", "noise"]);
    assert!(said.contains("v1reel mask"), "{said}");
    lab.ok(&["mask", "small.toml"]);
    let said = noise(&["--set", "probe.noise_space_px=[190]", "--set", "probe.noise_time_frames=[190]"]);
    assert!(said.contains("random values"), "{said}");
}
