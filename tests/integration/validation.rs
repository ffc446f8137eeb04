//! Validation through the command line: what is scored, against what, and what is not called held-out.

use std::fs;

use ndarray::s;
use serde_json::Value;
use v1reel::data::fold::Folds;
use v1reel::data::format::npy_tree::{Meta, Writer};
use v1reel::data::{Mouse, Trial, TrialId};
use v1reel::metric::correlation;
use v1reel::simulate::Truth;

use super::whole_way::{Lab, SMALL};

/// Half of the trials show one movie.
const REPEATING: &str = "neurons = 12\noracle_fraction = 0.5\noracle_repeats = 7\n";

fn oracle_trials(mouse: &Mouse) -> Vec<TrialId> {
    mouse.trials.iter().filter(|trial| trial.tier.0 == "oracle").map(|trial| trial.id).collect()
}

fn predictor<'a>(mouse: &'a Value, name: &str) -> &'a Value {
    let all = mouse["predictors"].as_array().unwrap();
    all.iter().find(|p| p["predictor"] == name).unwrap_or_else(|| panic!("no {name} in {mouse}"))
}

#[test]
fn members_ensemble_and_ceiling_are_scored_and_a_repeated_movie_is_found() {
    let lab = Lab::new(REPEATING);
    let mouse = Mouse::open(lab.path("mouse")).unwrap();
    let oracle = oracle_trials(&mouse);
    let fold = Folds::assign(&mouse, 3).unwrap().get(oracle[0]).unwrap().fold;
    let held_out = format!("data.held_out_fold={fold}");
    lab.ok(&["train", "small.toml", "--set", &held_out]);
    let table = lab.ok(&["validate", "small.toml", "--set", &held_out]);
    for expected in ["member 1", "mean member", "ensemble", "attainable", "100.0%", "responses.csv"] {
        assert!(table.contains(expected), "{table}");
    }
    let json: Value =
        serde_json::from_str(&lab.ok(&["validate", "small.toml", "--set", &held_out, "--json"])).unwrap();
    let found = &json["mice"][0];
    assert_eq!((found["repeated_movies"].as_u64(), found["showings"].as_u64()), (Some(1), Some(7)));
    assert!(found["oracle"].is_f64() && found["neurons_with_signal_power"].as_u64() > Some(0), "{found}");

    // The ceiling, taken the plain way: all held-out trials side by side.
    let held_out = Folds::assign(&mouse, 3).unwrap().trials_in(fold).unwrap();
    let truth = Truth::open(&mouse.root).unwrap().unwrap();
    let trials: Vec<Trial> = held_out.iter().map(|&id| mouse.read_trial(id).unwrap()).collect();
    let expected: Vec<_> = held_out.iter().map(|&id| truth.expected(id).unwrap()).collect();
    let recorded: Vec<_> = trials.iter().map(|trial| trial.responses.view()).collect();
    let join = |parts: &[ndarray::ArrayView2<f32>]| ndarray::concatenate(ndarray::Axis(1), parts).unwrap();
    let expected = join(&expected.iter().map(|e| e.view()).collect::<Vec<_>>());
    let ceiling = correlation::response_correlation(expected.view(), join(&recorded).view());
    let attainable = predictor(found, "attainable")["single_trial_correlation"].as_f64().unwrap();
    assert!((attainable - ceiling).abs() < 1e-9, "{attainable} {ceiling}"); // order of f64 sums
    assert!(attainable > 0.1, "{attainable}");
    let ensemble = predictor(found, "ensemble");
    let fraction = ensemble["single_trial_correlation"].as_f64().unwrap() / attainable;
    assert!((ensemble["fraction_of_attainable"].as_f64().unwrap() - fraction).abs() < 1e-12);

    let csv = fs::read_to_string(lab.path("run/evaluation/responses.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + 12 * 4);

    // Nothing is held out from members that were trained on it.
    let log = || fs::read_to_string(lab.path("run/log.jsonl")).unwrap();
    assert!(!log().contains("was trained with other settings"), "{}", log());
    lab.ok(&["validate", "small.toml", "--set", &format!("data.held_out_fold={}", (fold + 1) % 3)]);
    assert!(log().contains("member 1 was trained with other settings or data"), "{}", log());
}

#[test]
fn a_mouse_without_repeats_or_truth_has_fewer_scores_and_no_failure() {
    let lab = Lab::new("neurons = 5\noracle_fraction = 0.0\n");
    fs::remove_file(lab.path("mouse/truth.h5")).unwrap();
    lab.ok(&["train", "small.toml"]);
    let json: Value = serde_json::from_str(&lab.ok(&["validate", "small.toml", "--json"])).unwrap();
    let found = &json["mice"][0];
    assert_eq!(found["repeated_movies"], 0);
    assert!(found["oracle"].is_null(), "{found}");
    let ensemble = predictor(found, "ensemble");
    assert!(ensemble["single_trial_correlation"].is_f64() && ensemble["ccnorm"].is_null(), "{ensemble}");
    assert!(ensemble["fraction_of_attainable"].is_null());
    assert!(found["predictors"].as_array().unwrap().iter().all(|p| p["predictor"] != "attainable"));
}

#[test]
fn a_showing_whose_movie_was_trained_on_is_not_called_held_out() {
    let lab = Lab::new("neurons = 5\noracle_fraction = 0.0\n");
    let mouse = Mouse::open(lab.path("mouse")).unwrap();
    let trials: Vec<Trial> = mouse.trials.iter().map(|trial| mouse.read_trial(trial.id).unwrap()).collect();
    let write = |cut: usize| {
        // A showing of the first movie that ends early, as an aborted trial does.
        let mut short = trials[0].clone();
        let frames = short.frames() - cut;
        short.movie = short.movie.slice(s![..frames, .., ..]).to_owned();
        short.responses = short.responses.slice(s![.., ..frames]).to_owned();
        short.behavior = short.behavior.slice(s![.., ..frames]).to_owned();
        short.pupil_center = short.pupil_center.slice(s![.., ..frames]).to_owned();
        short.id = TrialId(trials.len() as u32);
        let path = lab.path(&format!("cut_{cut}"));
        let mut writer = Writer::create(&path).unwrap();
        for trial in trials.iter().chain([&short]) {
            writer.write_trial(trial, 96).unwrap();
        }
        let tiers = vec![v1reel::data::Tier("train".into()); trials.len() + 1];
        let neurons = mouse.neurons;
        let coordinates = mouse.cell_motor_coordinates.clone().unwrap();
        let unit_ids = (0..neurons as i64).collect();
        writer.finish(&Meta { tiers, unit_ids, cell_motor_coordinates: coordinates }).unwrap();
        let mouse = Mouse::open(&path).unwrap();
        let folds = Folds::assign(&mouse, 3).unwrap();
        let fold = |id| folds.get(id).unwrap().fold;
        (fold(trials[0].id), fold(short.id))
    };
    // The hash of other frames: sooner or later another fold.
    let (cut, fold) = (5..40)
        .map(|cut| (cut, write(cut)))
        .find(|(_, (a, b))| a != b)
        .map(|(cut, (a, _))| (cut, a))
        .unwrap();
    let mice = format!("mice = [\"cut_{cut}\"]\nfold_by = \"published\"");
    lab.write(
        "cut.toml",
        &SMALL.replace("mice = [\"mouse\"]", &mice).replace("run = \"run\"", "run = \"cut\""),
    );
    let held_out = format!("data.held_out_fold={fold}");
    lab.ok(&["train", "cut.toml", "--set", &held_out]);
    let json: Value =
        serde_json::from_str(&lab.ok(&["validate", "cut.toml", "--set", &held_out, "--json"])).unwrap();
    let folds = Folds::assign(&Mouse::open(lab.path(&format!("cut_{cut}"))).unwrap(), 3).unwrap();
    let held_out = folds.trials_in(fold).unwrap().len() as u64;
    assert_eq!(json["mice"][0]["trials"].as_u64(), Some(held_out - 1));
    let log = fs::read_to_string(lab.path("cut/log.jsonl")).unwrap();
    assert!(log.contains("held-out trials 0 show movies that were trained on"), "{log}");
}
