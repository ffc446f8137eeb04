//! The ensemble that comes with the demo: it is the recipe's, small, and knows the demo's mouse.

use std::fs;

use ndarray::{Array2, ArrayView1};
use tempfile::TempDir;
use v1reel::cli::shipped;
use v1reel::data::format::npy_array::NpyArray;
use v1reel::model::checkpoint::Checkpoint;

use assert_cmd::Command;

/// The first trials of the demo's mouse, and an experiment on it.
fn lab() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut recipe: toml::Table = shipped::MOUSE.parse().unwrap();
    recipe.insert("trials".into(), toml::Value::Integer(8));
    fs::write(folder.path().join("mouse.toml"), recipe.to_string()).unwrap();
    let experiment = "preset = \"demo\"\nname = \"demo\"\nrun = \"run\"\n[data]\nmice = [\"mouse\"]\ntrials = [3]\n\
                      [ensemble]\nmembers = 1\n";
    fs::write(folder.path().join("demo.toml"), experiment).unwrap();
    v1reel(&folder, &["simulate", "mouse", "--config", "mouse.toml"]);
    folder
}

fn v1reel(lab: &TempDir, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_v1reel"));
    command.current_dir(lab.path()).args(arguments).arg("--quiet").assert().success();
}

fn array(path: &std::path::Path) -> Array2<f32> {
    let array = NpyArray::open(path).unwrap();
    let [rows, columns] = array.shape_of::<2>("neuron, frame").unwrap();
    Array2::from_shape_fn((rows, columns), |(row, column)| array.at(row, column))
}

fn correlation(a: ArrayView1<f32>, b: ArrayView1<f32>) -> f32 {
    let (a, b) = (a.to_owned() - a.mean().unwrap(), b.to_owned() - b.mean().unwrap());
    (&a * &b).sum() / (a.dot(&a) * b.dot(&b)).sqrt().max(1e-12)
}

#[test]
fn the_shipped_files_are_those_of_the_recipe_and_small() {
    let provenance = shipped::provenance().unwrap();
    assert_eq!(provenance.recipe, shipped::recipe_hash().unwrap(), "models/demo is of another recipe");
    let hashes: Vec<String> =
        shipped::members().iter().map(|bytes| blake3::hash(bytes).to_hex().to_string()).collect();
    assert_eq!(provenance.members, hashes);
    assert!(shipped::members().iter().map(|bytes| bytes.len()).sum::<usize>() < 5_000_000);
}

#[test]
fn a_few_steps_of_the_recipe_give_a_member_like_the_shipped_one() {
    let lab = lab();
    let steps = ["--set", "train.epoch_samples=16", "--set", "train.cosine_epochs=1"];
    v1reel(&lab, &[&["train", "demo.toml"], &steps[..]].concat());
    let trained = Checkpoint::read(&lab.path().join("run/members/0/model.safetensors")).unwrap();
    fs::write(lab.path().join("shipped.safetensors"), shipped::members()[0]).unwrap();
    let shipped = Checkpoint::read(&lab.path().join("shipped.safetensors")).unwrap();
    assert_eq!(trained.config, shipped.config);
    assert_eq!(trained.metadata["seed"], shipped.metadata["seed"]);
    assert_eq!(trained.metadata["member"], shipped.metadata["member"]);
    let shapes = |checkpoint: &Checkpoint| {
        checkpoint.tensors.iter().map(|(name, t)| (name.clone(), t.shape.clone())).collect::<Vec<_>>()
    };
    assert_eq!(shapes(&trained), shapes(&shipped));
}

#[test]
fn a_shipped_member_knows_the_mouse_that_the_recipe_makes() {
    let lab = lab();
    fs::create_dir_all(lab.path().join("run/members/0")).unwrap();
    fs::write(lab.path().join("run/members/0/model.safetensors"), shipped::members()[0]).unwrap();
    v1reel(&lab, &["predict", "demo.toml"]);
    let predicted = array(&lab.path().join("run/predictions/mouse/3.npy"));
    let recorded = array(&lab.path().join("mouse/data/responses/3.npy"));
    let mean = |shift: usize| {
        let neurons = predicted.nrows();
        let one = |n: usize| {
            let recorded = recorded.row((n + shift) % neurons);
            correlation(predicted.row(n), recorded.slice(ndarray::s![..predicted.ncols()]))
        };
        (0..neurons).map(one).sum::<f32>() / neurons as f32
    };
    // Other neurons see other places, but run and rest with the rest.
    assert!(mean(0) > mean(7) + 0.1, "{} against {} for another neuron", mean(0), mean(7));
}
