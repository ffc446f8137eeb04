//! What stands beside a score: the course of a reconstruction against its cost, controls and ceilings, through the
//! command line.

use std::fs;

use ndarray::Array2;
use v1reel::data::format::npy_array::NpyArray;
use v1reel::data::{Mouse, TrialId};
use v1reel::evaluate::course::read_course;
use v1reel::reconstruct::Reconstruction;

use super::whole_way::{Lab, SMALL};

#[test]
fn members_in_turns_from_the_linear_decoder_cost_one_member_and_a_cut_run_ends_with_the_same_bytes() {
    let lab = Lab::new("neurons = 5\n");
    let ours = "start = \"decoder\"\ncombine = \"turns\"\nrms_step = 8.0\nfinal_rate_fraction = 0.1\nsnapshots = [1, 3]\n";
    lab.write("turns.toml", &format!("{SMALL}{ours}"));
    for stage in ["train", "mask", "reconstruct", "evaluate"] {
        lab.ok(&[stage, "turns.toml"]);
    }
    let points = read_course(&lab.path("run/evaluation/course.csv")).unwrap();
    // Four windows of two clips, of one member.
    let costs: Vec<(u64, u64)> = points.iter().map(|p| (p.iteration, p.clip_gradients)).collect();
    assert_eq!(costs, [(1, 8), (3, 24)]);
    // The first movie is not grey: it has a score before anything moved it.
    assert!(points[0].pixel_correlation.is_some());
    let trial = fs::read_dir(lab.path("run/reconstructions/mouse")).unwrap().next().unwrap().unwrap().path();
    let result = trial.join("ensemble.h5");
    let before = fs::read(&result).unwrap();
    for name in ["ensemble.h5", "members.h5"] {
        fs::remove_file(trial.join(name)).unwrap();
    }
    lab.ok(&["reconstruct", "turns.toml"]);
    assert_eq!(fs::read(&result).unwrap(), before);
    // From fewer neurons the decoder reads these alone.
    lab.ok(&["ablate", "neurons", "turns.toml", "--keep", "100%,40%", "--draws", "1"]);
}

#[test]
fn an_encoder_trained_without_a_channel_is_held_against_one_with_it() {
    let lab = Lab::new("neurons = 5\n");
    lab.write("with.toml", SMALL);
    let without = SMALL.replace("name = \"small\"\nrun = \"run\"", "name = \"blank\"\nrun = \"blank\"");
    lab.write("without.toml", &without.replace("[data]", "[data]\nwithout = [\"running\"]"));
    for experiment in ["with.toml", "without.toml"] {
        for stage in ["train", "mask", "reconstruct", "evaluate", "validate"] {
            lab.ok(&[stage, experiment]);
        }
    }
    let found = lab.ok(&["compare", "run", "blank", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let rows = found["within_mice"].as_array().unwrap();
    let units: Vec<&str> = rows.iter().map(|row| row["unit"].as_str().unwrap()).collect();
    assert!(units.contains(&"trials") && units.contains(&"neurons"), "{units:?}");
    let table = lab.ok(&["compare", "run", "blank"]);
    assert!(table.contains("pixel correlation") && table.contains("nothing can be said of mice"), "{table}");
    // What was trained without the channel does not pass for what was trained with it.
    lab.write("without.toml", &without);
    assert!(lab.fails(1, &["train", "without.toml"]).contains("other settings"));
}

#[test]
fn the_course_ends_at_the_score_and_counts_the_clip_gradients_of_all_members() {
    for combine in ["movies", "gradients"] {
        let lab = Lab::new("neurons = 5\n");
        let experiment = format!("{SMALL}combine = \"{combine}\"\nsnapshots = [1, 3]\n");
        lab.write("course.toml", &experiment);
        for stage in ["train", "mask", "reconstruct"] {
            lab.ok(&[stage, "course.toml"]);
        }
        let scores: serde_json::Value =
            serde_json::from_str(&lab.ok(&["evaluate", "course.toml", "--json"])).unwrap();
        let points = read_course(&lab.path("run/evaluation/course.csv")).unwrap();
        // Windows of 32 in 90 frames start at 0, 24, 48 and 58; each is two clips, for two members.
        let costs: Vec<(u64, u64)> = points.iter().map(|p| (p.iteration, p.clip_gradients)).collect();
        assert_eq!(costs, [(1, 16), (3, 48)]);
        let score = scores["mean"]["pixel_correlation"].as_f64().unwrap();
        assert_eq!(points[1].pixel_correlation, Some(score));
        // The first iteration only measures: the movie is still grey.
        assert_eq!(points[0].pixel_correlation, None);

        let none = experiment.replace("snapshots = [1, 3]", "");
        lab.write("course.toml", &none);
        assert!(lab.fails(1, &["reconstruct", "course.toml"]).contains("other settings"));
    }
}

#[test]
fn snapshots_that_never_come_are_refused() {
    let lab = Lab::new("neurons = 5\n");
    for snapshots in ["[0]", "[2, 1]", "[1, 1]", "[4]"] {
        lab.write("course.toml", &format!("{SMALL}snapshots = {snapshots}\n"));
        let said = lab.fails(2, &["reconstruct", "course.toml"]);
        assert!(said.contains("reconstruction.snapshots") && said.contains("1 to"), "{said}");
    }
    assert!(!fs::exists(lab.path("run")).unwrap());
}

/// A trained run on a mouse of which half of the trials show a movie twice, with all its held-out trials chosen.
fn lab() -> Lab {
    let lab = Lab::new("neurons = 11\noracle_fraction = 0.5\noracle_repeats = 2\n");
    // That fold has two pairs of showings and one movie that was shown once.
    lab.write("small.toml", &SMALL.replace("trial_count = 1", "trial_count = 14\nheld_out_fold = 1"));
    for stage in ["train", "mask"] {
        lab.ok(&[stage, "small.toml"]);
    }
    lab
}

fn close(found: &Array2<f32>, expected: &Array2<f32>) {
    assert_eq!(found.dim(), expected.dim());
    for (found, expected) in found.iter().zip(expected) {
        // Order of f32 sums.
        assert!((found - expected).abs() <= 1e-4 * expected.abs().max(1.0), "{found} {expected}");
    }
}

#[test]
fn every_control_is_made_from_the_responses_that_its_name_says() {
    let lab = lab();
    lab.ok(&["predict", "small.toml"]);
    lab.ok(&["reconstruct", "small.toml", "--controls", "all"]);
    let mouse = Mouse::open(lab.path("mouse")).unwrap();
    let (mut averaged, mut shown_once) = (0, 0);
    for entry in fs::read_dir(lab.path("run/reconstructions/mouse")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let trial = mouse.read_trial(TrialId(name.parse().unwrap())).unwrap();
        let path = |condition: &str| lab.path(&format!("run/controls/{condition}/mouse/{name}/ensemble.h5"));
        let made = |condition: &str| Reconstruction::read(&path(condition)).unwrap().responses;

        let shifted = made("time_shifted");
        let shifts = (30..=60).filter(|shift| {
            shifted.indexed_iter().all(|((n, t), &r)| r == trial.responses[[n, (t + shift) % 90]])
        });
        assert_eq!(shifts.count(), 1, "trial {name} is rolled by a second or more");

        let npy = NpyArray::open(&lab.path(&format!("run/predictions/mouse/{name}.npy"))).unwrap();
        close(&made("predicted"), &Array2::from_shape_fn((11, 90), |(n, t)| npy.at(n, t)));

        assert_eq!(made("held_out_neurons"), trial.responses);
        let showings: Vec<_> = mouse
            .trials
            .iter()
            .map(|other| mouse.read_trial(other.id).unwrap())
            .filter(|other| other.movie == trial.movie)
            .collect();
        assert_eq!(path("averaged").exists(), showings.len() > 1, "trial {name}");
        shown_once += usize::from(showings.len() == 1);
        if showings.len() > 1 {
            averaged += 1;
            let sum = showings.iter().fold(Array2::zeros((11, 90)), |sum, other| sum + &other.responses);
            close(&made("averaged"), &(sum / showings.len() as f32));
        }
    }
    assert!(averaged > 0 && shown_once > 0, "{averaged} {shown_once}: some movie was shown twice, not all");
}

#[test]
fn scores_stand_beside_what_was_made_and_the_decoder_is_trained_once() {
    let lab = lab();
    let plain = ["reconstruct", "small.toml"];
    lab.ok(&plain);
    let evaluate = |flags: &[&str]| -> serde_json::Value {
        let all = [&["evaluate", "small.toml", "--json"], flags].concat();
        serde_json::from_str(&lab.ok(&all)).unwrap()
    };
    let few = evaluate(&["--no-linear-decoder"]);
    assert!(
        few["mean"]["control_linear_decoder"].is_null() && few["mean"]["half_pixel_correlation"].is_null()
    );
    assert!(!lab.path("run/controls").exists());

    lab.ok(&[&plain[..], &["--controls", "held-out-neurons, time-shifted"]].concat());
    let scores = evaluate(&[]);
    for made in [
        "control_linear_decoder",
        "control_time_shifted",
        "half_pixel_correlation",
        "half_response_correlation",
        "other_half_response_correlation",
        "half_true_movie_response_correlation",
        "other_half_true_movie_response_correlation",
    ] {
        assert!(scores["mean"][made].is_f64(), "{made}: {scores}");
    }
    assert!(scores["mean"]["ceiling_predicted_responses"].is_null());
    let summaries = scores["summary"].as_array().unwrap();
    let decoder = summaries.iter().find(|s| s["score"] == "control_linear_decoder").unwrap();
    let trials = scores["trials"].as_array().unwrap().len();
    assert_eq!(
        (&decoder["over"], &decoder["mice"], &decoder["trials"]),
        (&"trials".into(), &1.into(), &trials.into())
    );
    assert!(trials > 1 && decoder["low"].is_f64() && decoder["above_high"].is_f64(), "{decoder}");
    let table = lab.ok(&["evaluate", "small.toml"]);
    assert!(table.contains("linear decoder") && table.contains("response r held-out half"), "{table}");
    assert!(table.contains("1 mouse") && !table.contains("model ceiling"), "{table}");

    let first = scores["trials"][0]["trial"].to_string();
    let decoded = lab.path(&format!("run/controls/linear_decoder/mouse/{first}/decoded.h5"));
    let before = fs::metadata(&decoded).unwrap().modified().unwrap();
    evaluate(&[]);
    assert_eq!(fs::metadata(&decoded).unwrap().modified().unwrap(), before, "what is there is taken");
    let set = ["--set", "decode.smooth_frames=2"];
    assert_ne!(evaluate(&set)["mean"]["control_linear_decoder"], scores["mean"]["control_linear_decoder"]);
}

#[test]
fn controls_go_on_like_reconstructions_and_keep_to_their_settings() {
    let lab = lab();
    let some = ["reconstruct", "small.toml", "--controls", "held-out-neurons,predicted"];
    lab.ok(&some);
    let first = lab.path("run/reconstructions/mouse");
    let trial = fs::read_dir(first).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    let folder = lab.path(&format!("run/controls/held_out_neurons/mouse/{trial}"));
    let read = |file: &str| fs::read(folder.join(file)).unwrap();
    let before = [read("ensemble.h5"), read("member_1.h5"), read("true_movie.h5")];
    for file in ["ensemble.h5", "member_1.h5", "true_movie.h5"] {
        fs::remove_file(folder.join(file)).unwrap();
    }
    lab.ok(&some);
    assert!(before == [read("ensemble.h5"), read("member_1.h5"), read("true_movie.h5")]);
    let other = ["--set", "reconstruction.learning_rate=2.0"];
    let said = lab.fails(1, &[&some[..], &other].concat());
    assert!(said.contains("other settings"), "{said}");
    let output = lab.run(&["reconstruct", "small.toml", "--controls", "shuffled"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("\"shuffled\" is no control") && said.contains("shuffled-neurons"), "{said}");
}
