//! Ablations through the command line and through the loss: what is left out counts for nothing, what is made is kept,
//! and what the simulation put in comes out.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use ndarray::{Array3, Axis, Ix2, concatenate};
use serde_json::Value;
use v1reel::ablate::behavior::Substitutes;
use v1reel::ablate::effect::effects;
use v1reel::ablate::prediction::PredictionTally;
use v1reel::ablate::{AblationConfig, Alteration, Channel};
use v1reel::cli::shipped;
use v1reel::data::{ClipConfig, Geometry, Mouse, Padding, Trial, TrialId};
use v1reel::event::Silent;
use v1reel::model::checkpoint::Checkpoint;
use v1reel::model::{Encoder, Runtime, predictor};
use v1reel::reconstruct::gradient::MovieGradient;
use v1reel::reconstruct::{Population, Problem};
use v1reel::simulate::{SimulationConfig, Truth, simulate};

use super::support::{encoder, input_size, reference_array};
use super::whole_way::Lab;

/// A trial of the reference mouse, cut to one window, whose movie is a ramp.
struct Bench {
    problem: Problem,
    movie: Array3<f32>,
}

impl Bench {
    fn new() -> Self {
        let clip = ClipConfig::default();
        let rows = |name: &str| {
            let rows = reference_array("trial.npz", name).into_dimensionality::<Ix2>().unwrap();
            rows.slice_move(ndarray::s![.., ..clip.window()])
        };
        let behavior = [rows("trial_behavior"), rows("trial_pupil_center")];
        let behavior = concatenate(Axis(0), &behavior.each_ref().map(|rows| rows.view())).unwrap();
        let [height, width] = input_size();
        let movie = Array3::from_shape_fn((clip.window(), height, width), |(t, y, x)| {
            60.0 + ((t * 3 + y * 5 + x * 7) % 97) as f32
        });
        let problem = Problem {
            mouse: 1,
            behavior,
            responses: rows("trial_responses_mouse1"),
            population: Population::all(),
            clip,
            stride: clip.window(),
        };
        Self { problem, movie }
    }

    fn gradient(&self, population: Population, change: impl Fn(usize, f32) -> f32) -> MovieGradient {
        let mut problem = Problem { population, ..self.problem.clone() };
        for ((neuron, _), response) in problem.responses.indexed_iter_mut() {
            *response = change(neuron, *response);
        }
        problem.gradient(&encoder(0), self.movie.view()).unwrap()
    }
}

#[test]
fn excluded_neurons_count_for_nothing_and_silenced_ones_pull() {
    let bench = Bench::new();
    let neurons = bench.problem.responses.nrows();
    let kept: Vec<bool> = (0..neurons).map(|neuron| neuron % 3 == 0).collect();
    let some = || Population::only(kept.clone());
    let excluded = bench.gradient(some(), |_, r| r);
    // Whatever they did.
    let other = bench.gradient(some(), |neuron, r| if kept[neuron] { r } else { 1000.0 - r });
    assert_eq!((&excluded.gradient, &excluded.losses), (&other.gradient, &other.losses));
    let silenced = bench.gradient(Population::all(), |neuron, r| if kept[neuron] { r } else { 0.0 });
    let whole = bench.gradient(Population::all(), |_, r| r);
    assert!(silenced.gradient != excluded.gradient && whole.gradient != excluded.gradient);
    // The loss is the mean over those kept: that of all is what both parts say together.
    let rest = bench.gradient(Population::only(kept.iter().map(|k| !k).collect()), |_, r| r);
    let share = kept.iter().filter(|&&k| k).count() as f64 / neurons as f64;
    let together = share * excluded.losses[0] + (1.0 - share) * rest.losses[0];
    assert!(
        (together - whole.losses[0]).abs() < 1e-9 * whole.losses[0].abs(),
        "{together} {:?}",
        whole.losses
    );
}

fn found(folder: &Path, name: &str, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found(&path, name, into);
        } else if path.file_name().unwrap().to_string_lossy().starts_with(name) {
            into.push(path);
        }
    }
    into.sort();
}

/// A tiny mouse with trained members and a mask.
fn trained() -> Lab {
    let lab = Lab::new("neurons = 12\noracle_fraction = 0.0\n");
    lab.ok(&["train", "small.toml"]);
    lab.ok(&["mask", "small.toml"]);
    lab
}

const NEURONS: [&str; 9] =
    ["ablate", "neurons", "small.toml", "--keep", "100%,50%,25%", "--by", "random,deep", "--draws", "2"];

#[test]
fn every_reconstruction_with_fewer_neurons_is_made_once_and_kept() {
    let lab = trained();
    let table = lab.ok(&NEURONS);
    for expected in ["exclude", "silence", "deep", "50%", "neuron_ablation.png"] {
        assert!(table.contains(expected), "{table}");
    }
    let made = || {
        let mut files = Vec::new();
        found(&lab.path("run/ablation/neurons"), "", &mut files);
        files
    };
    // Two methods, of each two sizes below all: two draws at random and one by depth. No member's movie is kept.
    let first: Vec<(PathBuf, Vec<u8>)> =
        made().into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    assert_eq!(first.len(), 2 * 2 * (2 + 1), "{:?}", made());
    assert!(first.iter().all(|(path, _)| path.ends_with("ensemble.h5")));
    assert!(lab.path("run/ablation/neurons/random/silence/3_neurons/draw_1/mouse").is_dir());
    // All neurons: the plain reconstruction.
    assert!(lab.path("run/reconstructions/mouse").is_dir());

    // One is lost: it alone is made again, the same.
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&lab.ok(&[&NEURONS[..], arguments].concat())).unwrap()
    };
    let before = json(&["--json"]);
    let stamp = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let stamps: Vec<_> = first.iter().map(|(path, _)| stamp(path)).collect();
    fs::remove_file(&first[5].0).unwrap();
    assert_eq!(json(&["--json"]), before);
    for (index, (path, bytes)) in first.iter().enumerate() {
        assert_eq!(fs::read(path).unwrap(), *bytes, "{}", path.display());
        assert_eq!(stamp(path) == stamps[index], index != 5, "{}", path.display());
    }
    // More draws: the old ones stay.
    lab.ok(&["ablate", "neurons", "small.toml", "--keep", "50%", "--methods", "exclude", "--draws", "3"]);
    assert_eq!(made().len(), first.len() + 1);

    let rows = before["reconstructions"].as_array().unwrap();
    assert_eq!(rows.len(), first.len() + 2 * 2);
    for row in rows {
        let (keep, count) = (row["keep"].as_str().unwrap(), row["neurons"].as_u64().unwrap());
        assert_eq!(count, [("100%", 12), ("50%", 6), ("25%", 3)].iter().find(|(k, _)| *k == keep).unwrap().1);
        assert_eq!(row["left_out_response_correlation"].is_null(), count == 12, "{row}");
    }
    let curve = &before["summary"]["curves"][0];
    assert_eq!((curve["unit"].as_str(), curve["units"].as_u64()), (Some("trials"), Some(1)));
    let csv = fs::read_to_string(lab.path("run/evaluation/neuron_ablation_curves.csv")).unwrap();
    assert!(csv.starts_with("mouse,by,method,unit,n,keep,neurons,pixel_correlation"), "{csv}");
}

#[test]
fn neurons_are_chosen_by_what_the_recording_and_the_model_know_or_not_at_all() {
    let lab = trained();
    let by = |order: &'static str| ["ablate", "neurons", "small.toml", "--keep", "4", "--by", order];
    let error = lab.fails(2, &by("central"));
    assert!(error.contains("no receptive-field position") && error.contains("gaussian"), "{error}");
    let error = lab.fails(2, &["ablate", "neurons", "small.toml", "--keep", "13"]);
    assert!(error.contains("12 neurons") && error.contains("13"), "{error}");
    let error = lab.fails(2, &["ablate", "neurons", "small.toml", "--keep", "50%,50%"]);
    assert!(error.contains("ablation.keep") && error.contains("twice"), "{error}");
    let table = lab.ok(&by("reliable"));
    assert!(table.contains("reliable"), "{table}");
    let log = fs::read_to_string(lab.path("run/log.jsonl")).unwrap();
    assert!(log.contains("neurons are reliable by how well the ensemble predicts them"), "{log}");
    fs::remove_file(lab.path("mouse/meta/neurons/cell_motor_coordinates.npy")).unwrap();
    let error = lab.fails(2, &by("shallow"));
    assert!(error.contains("cell_motor_coordinates"), "{error}");
}

#[test]
fn altered_behavior_is_predicted_and_reconstructed_with() {
    let lab = trained();
    let behavior = ["ablate", "behavior", "small.toml", "--draws", "2", "--json"];
    let some = ["--channels", "running,all", "--alterations", "zero,swap"];
    let found_by = |arguments: &[&str]| -> Value { serde_json::from_str(&lab.ok(arguments)).unwrap() };
    let json = found_by(&[&behavior[..], &some].concat());
    let effects = json["effects"].as_array().unwrap();
    // Four changes: of all neurons, with and without either gain, and of the trial.
    assert_eq!(effects.len(), 4 * (1 + 4) + 4);
    for effect in effects.iter().filter(|e| e["group"] == "all") {
        let expected = if effect["unit"] == "neurons" { 12 } else { 1 };
        assert_eq!(effect["t_test"]["n"].as_u64(), Some(expected), "{effect}");
    }
    let mut made = Vec::new();
    found(&lab.path("run/ablation/behavior"), "ensemble", &mut made);
    // Zero once and swap twice, of either channel.
    assert_eq!(made.len(), 2 * (1 + 2));
    let only = found_by(&[&behavior[..], &some, &["--only", "prediction"]].concat());
    assert!(only["effects"].as_array().unwrap().iter().all(|e| e["unit"] == "neurons"));
    let csv = fs::read_to_string(lab.path("run/evaluation/behavior_ablation_neurons.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + 12 * 4);
    assert!(
        csv.starts_with(
            "mouse,neuron,channel,alteration,recorded_behavior,altered_behavior,true_running_gain"
        )
    );

    let blind = Lab::new("neurons = 4\nrunning = false\npupil = false\n");
    blind.ok(&["train", "small.toml"]);
    let error = blind.fails(2, &["ablate", "behavior", "small.toml"]);
    assert!(error.contains("none of the channels") && error.contains("running"), "{error}");
}

#[test]
fn neurons_that_running_drives_lose_prediction_when_it_is_shuffled_and_the_others_do_not() {
    // The demo's mouse, of whose first trials the second is one of much running, and a member of its ensemble.
    let folder = tempfile::tempdir().unwrap();
    let recipe: SimulationConfig = toml::from_str(shipped::MOUSE).unwrap();
    let path = folder.path().join("mouse");
    simulate(&SimulationConfig { trials: 2, ..recipe }, &path, &Silent).unwrap();
    let mouse = Mouse::open(&path).unwrap();
    let model = folder.path().join("member.safetensors");
    fs::write(&model, shipped::members()[0]).unwrap();
    let runtime = Runtime::new(Device::flex(), 1 << 28);
    let encoder = Encoder::load(Checkpoint::read(&model).unwrap(), &runtime).unwrap();
    let geometry = Geometry::new(mouse.frame_size, mouse.frame_size, Padding::Center).unwrap();

    let substitutes = Substitutes::new(&mouse, &[TrialId(0)], "test").unwrap();
    let config = AblationConfig { alterations: vec![Alteration::Shuffle], draws: 1, ..Default::default() };
    let mut tally = PredictionTally::new(&[Channel::Running], &config, mouse.neurons);
    let alter =
        |trial: &Trial, channel, alteration, draw| substitutes.alter(trial, channel, alteration, draw);
    let predict = |trial: &Trial| {
        let input = geometry.encoder_input(trial);
        predictor::predict_trial(&encoder, 0, input.view(), ClipConfig::default())
    };
    tally.add(&mouse.read_trial(TrialId(1)).unwrap(), alter, predict).unwrap();
    let scores = tally.scores(&mouse.id);

    let gains = Truth::open(&path).unwrap().unwrap().neurons("running_gain").unwrap();
    let driven = scores.pairs_of("driven", |_, neuron| gains[neuron] > 0.5);
    let others = scores.pairs_of("others", |_, neuron| gains[neuron] == 0.0);
    let found = effects(&[driven, others].concat(), 999, "test");
    let [driven, others] = found.as_slice() else { panic!("{found:?}") };
    assert!(driven.t_test.n > 200 && others.t_test.n > 200, "{found:?}");
    // Across seeds of the shuffle t was -3.7 to -3.8 (p about 0.0002) for those driven, -0.7 to -0.9 for the others.
    assert!(driven.t_test.mean_difference < 0.0 && driven.sign_flip.p < 0.005, "{driven:?}");
    assert!(others.sign_flip.p > 0.05, "{others:?}");
    assert!(others.t_test.mean_difference.abs() < 0.5 * driven.t_test.mean_difference.abs(), "{found:?}");
}
