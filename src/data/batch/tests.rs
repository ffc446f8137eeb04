//! Batches: reproducible, the same on any number of threads and from any start.

use std::collections::BTreeMap;

use ndarray::{Array3, Array5, s};
use tempfile::TempDir;

use super::*;
use crate::data::format::npy_tree::{Meta, Writer};
use crate::data::trial::Tier;

/// Writes a mouse whose movie, behavior and responses all say which mouse, trial and frame they are.
fn write_mouse(folder: &TempDir, mouse: usize, neurons: usize, behavior_rows: usize) -> TrainingMouse {
    let root = folder.path().join(format!("mouse_{mouse}"));
    let mut writer = Writer::create(&root).unwrap();
    let frames = 12;
    for id in 0..4u32 {
        let value = |frame: usize| mark(mouse, id, frame);
        let trial = Trial {
            id: TrialId(id),
            movie: Array3::from_shape_fn((frames, 4, 6), |(t, _, _)| value(t)),
            // Every other neuron is negative: the loader must clip it.
            responses: Array2::from_shape_fn((neurons, frames), |(n, t)| {
                if n.is_multiple_of(2) { value(t) } else { -1.0 }
            }),
            behavior: Array2::from_shape_fn((behavior_rows, frames), |(_, t)| value(t)),
            pupil_center: Array2::zeros((0, frames)),
        };
        writer.write_trial(&trial, 14).unwrap();
    }
    let meta = Meta {
        tiers: vec![Tier("train".into()); 4],
        unit_ids: (0..neurons as i64).collect(),
        cell_motor_coordinates: Array2::zeros((neurons, 3)),
    };
    writer.finish(&meta).unwrap();
    TrainingMouse { mouse: Mouse::open(&root).unwrap(), trials: vec![TrialId(0), TrialId(2), TrialId(3)] }
}

fn mark(mouse: usize, trial: u32, frame: usize) -> f32 {
    (mouse * 100 + trial as usize * 20 + frame + 1) as f32
}

fn config(cutmix_probability: f64) -> LoaderConfig {
    LoaderConfig {
        clip: ClipConfig { size: 3, step: 2 },
        input_size: [8, 6],
        batch_size: 4,
        epoch_samples: 31,
        cutmix_probability,
        seed: "test".into(),
        member: 1,
    }
}

fn loader(folder: &TempDir, cutmix_probability: f64) -> Loader {
    let mice = vec![write_mouse(folder, 0, 3, 1), write_mouse(folder, 1, 2, 1)];
    Loader::new(mice, config(cutmix_probability)).unwrap()
}

/// Writes out the input of a batch: `[batch, channel, time, height, width]`.
fn inputs(batch: &Batch) -> Array5<f32> {
    Array5::from_shape_vec(batch.input_shape(), batch.input_values()).unwrap()
}

fn collect(epoch: Epoch) -> Vec<Batch> {
    epoch.collect::<Result<_>>().unwrap()
}

#[test]
fn an_epoch_spreads_evenly_over_mice_and_only_over_training_trials() {
    let folder = tempfile::tempdir().unwrap();
    let loader = loader(&folder, 0.0);
    let batches = collect(loader.epoch(0));
    assert_eq!(batches.len(), loader.batches());
    assert_eq!(batches.iter().map(|b| b.mouse.len()).collect::<Vec<_>>(), [4, 4, 4, 4, 4, 4, 4, 2]);
    let mut drawn = BTreeMap::new();
    for batch in &batches {
        let inputs = inputs(batch);
        assert_eq!(inputs.dim(), (batch.mouse.len(), 2, 3, 8, 6));
        for (k, &mouse) in batch.mouse.iter().enumerate() {
            let first = batch.responses[k][[0, 0]];
            let trial = (first as usize - mouse * 100) / 20;
            assert!([0, 2, 3].contains(&trial), "{first}");
            *drawn.entry(mouse).or_insert(0) += 1;
            // Every second frame, in movie, behavior and responses alike; negative responses are 0.
            for time in 0..3 {
                let value = first + 2.0 * time as f32;
                assert_eq!(batch.responses[k][[0, time]], value);
                assert_eq!(batch.responses[k][[1, time]], 0.0);
                assert_eq!(inputs[[k, 0, time, 2, 0]], value);
                assert_eq!(inputs[[k, 0, time, 1, 0]], 0.0, "padding");
                assert!(inputs.slice(s![k, 1, time, .., ..]).iter().all(|&v| v == value));
            }
            assert_eq!(batch.responses[k].nrows(), [3, 2][mouse]);
        }
    }
    assert_eq!(drawn, BTreeMap::from([(0, 15), (1, 15)]));
    assert!(batches.iter().any(|b| b.mouse.contains(&0) && b.mouse.contains(&1)), "batches mix mice");
}

#[test]
fn an_epoch_repeats_by_name_on_any_number_of_threads_and_from_any_batch() {
    let folder = tempfile::tempdir().unwrap();
    let loader = loader(&folder, 0.5);
    let batches = collect(loader.epoch(3));
    assert_eq!(batches, collect(loader.epoch(3)));
    assert_ne!(batches, collect(loader.epoch(4)));
    assert_eq!(batches[5..], collect(loader.epoch_from(3, 5)));
    assert!(collect(loader.epoch_from(3, 99)).is_empty());
    let order = loader.source.order(3);
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(alone.install(|| loader.source.batch(3, &order[..4]).unwrap()), batches[0]);
}

#[test]
fn cutmix_changes_inputs_and_responses_together() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, mixed) = (collect(loader(&folder, 0.0).epoch(0)), {
        let folder = tempfile::tempdir().unwrap();
        collect(loader(&folder, 1.0).epoch(0))
    });
    let mut changed = 0;
    for (plain, mixed) in plain.iter().zip(&mixed) {
        for k in 0..plain.mouse.len() {
            let behavior = |batch: &Batch| inputs(batch).slice(s![k, 1, 0, .., ..]).mean().unwrap();
            // Behavior fills its channel with the value that the responses have here, so after the mix
            // its mean over pixels is the mixed response. 1e-3: f32 sums of 48 values up to 200.
            assert!((behavior(mixed) - mixed.responses[k][[0, 0]]).abs() < 1e-3);
            changed += usize::from(plain.responses[k] != mixed.responses[k]);
        }
    }
    assert!(changed > 10, "{changed} of 30");
}

#[test]
fn a_dropped_epoch_leaves_the_loader_usable() {
    let folder = tempfile::tempdir().unwrap();
    let loader = loader(&folder, 0.5);
    let mut epoch = loader.epoch(0);
    let first = epoch.next().unwrap().unwrap();
    drop(epoch);
    assert_eq!(first, collect(loader.epoch(0))[0]);
}

#[test]
fn recycled_memory_changes_nothing_and_does_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    let loader = loader(&folder, 0.5);
    let expected = collect(loader.epoch(1));
    for round in 0..3 {
        for (batch, expected) in loader.epoch(1).zip(&expected) {
            let batch = batch.unwrap();
            assert_eq!(&batch, expected, "round {round}");
            // Somebody else's memory is not hoarded either.
            loader.recycle(batch.clone());
            loader.recycle(batch);
        }
        let [clips, workbenches] = loader.source.spare.counts();
        assert!(clips <= 8 && workbenches <= rayon::current_num_threads(), "{clips}, {workbenches}");
    }
}

#[test]
fn a_broken_trial_ends_the_epoch_with_its_error() {
    let folder = tempfile::tempdir().unwrap();
    let loader = loader(&folder, 0.0);
    for id in 0..4 {
        std::fs::write(folder.path().join(format!("mouse_1/data/behavior/{id}.npy")), b"broken").unwrap();
    }
    let results: Vec<_> = loader.epoch(0).collect();
    let error = results.last().unwrap().as_ref().unwrap_err();
    assert!(error.to_string().contains("mouse_1/data/behavior"), "{error}");
    assert!(results[..results.len() - 1].iter().all(Result::is_ok));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mice = || vec![write_mouse(&tempfile::tempdir().unwrap(), 0, 3, 1)];
    let refused = |mice: Vec<TrainingMouse>, config: LoaderConfig, words: &str| {
        let error = Loader::new(mice, config).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(words), "{error}");
    };
    refused(Vec::new(), config(0.5), "0 mice");
    refused(mice(), LoaderConfig { batch_size: 0, ..config(0.5) }, "batches of 0");
    refused(mice(), config(1.5), "probability 1.5");
    refused(mice(), LoaderConfig { input_size: [3, 6], ..config(0.5) }, "don't fit");
    let long = ClipConfig { size: 7, step: 2 };
    refused(mice(), LoaderConfig { clip: long, ..config(0.5) }, "mouse mouse_0: trial 0 has 12 frames");
    let mut unknown = mice();
    unknown[0].trials.push(TrialId(77));
    refused(unknown, config(0.5), "no trial 77");
    let uneven = vec![write_mouse(&folder, 0, 3, 1), write_mouse(&folder, 1, 3, 2)];
    refused(uneven, config(0.5), "train them apart");
}
