//! Checks that settings make sense, by themselves and together, before hours are spent on them.

mod cluster;
mod probe;

use std::collections::BTreeSet;
use std::ops::RangeBounds;

use super::raw::{RawData, RawExperiment};
use super::{DataSettings, Experiment, TrialChoice};
use crate::ablate::AblationConfig;
use crate::data::{ClipConfig, Tier, TrialId};
use crate::decode::DecodeConfig;
use crate::model::{ModelConfig, ReadoutKind};
use crate::reconstruct::{MaskConfig, ReconstructionConfig};
use crate::train::TrainConfig;

/// What is wrong with the value of one key: reads on after the key's name.
#[derive(Debug)]
pub(super) struct Problem {
    pub key: &'static str,
    pub message: String,
}

type Checked<T = ()> = Result<T, Problem>;

/// Most of anything that is counted: more than anybody waits for, and few enough that lists of them fit into
/// memory and no product of two overflows.
pub(super) const MOST: usize = 100_000_000;
/// Most members; the paper has seven.
const MOST_MEMBERS: usize = 1000;
/// Longest side of the encoder's input, in pixels; the paper's is 64.
const MOST_PIXELS: usize = 4096;
/// Widest filter, in frames or pixels.
const MOST_SIGMA: f64 = 1000.0;

fn check(holds: bool, key: &'static str, message: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Problem { key, message: message() }) }
}

/// Checks that there are at least so many, and not absurdly many.
fn at_least(key: &'static str, value: usize, least: usize) -> Checked {
    check(value >= least, key, || format!("is {value}, expected at least {least}"))?;
    at_most(key, value, MOST)
}

fn at_most(key: &'static str, value: usize, most: usize) -> Checked {
    check(value <= most, key, || format!("is {value}, expected at most {most}"))
}

/// Checks that `value` is finite and in `range`; `expected` says the range in words.
fn within(key: &'static str, value: f64, range: impl RangeBounds<f64>, expected: &str) -> Checked {
    let holds = value.is_finite() && range.contains(&value);
    check(holds, key, || format!("is {value}, expected {expected}"))
}

fn positive(key: &'static str, value: f64) -> Checked {
    check(value.is_finite() && value > 0.0, key, || format!("is {value}, expected more than 0"))
}

fn odd(key: &'static str, value: usize) -> Checked {
    check(value % 2 == 1, key, || format!("is {value}, expected an odd number, so that it has a middle"))
}

/// Turns what was written into an experiment; `name` stands in when none was given.
pub(super) fn validate(raw: RawExperiment, name: &str) -> Checked<Experiment> {
    let name = raw.name.unwrap_or_else(|| name.to_string());
    let is_file_name = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
    check(is_file_name, "name", || format!("is \"{name}\", expected a name that a folder can have"))?;
    let device = raw.device.as_deref().unwrap_or("cpu");
    let device =
        device.parse().map_err(|e: crate::error::Error| Problem { key: "device", message: e.to_string() })?;
    let run = match raw.run {
        Some(run) => run,
        None => std::path::absolute(std::path::Path::new("runs").join(&name))
            .map_err(|e| Problem { key: "run", message: format!("has no current folder to be in: {e}") })?,
    };
    at_least("ensemble.members", raw.ensemble.members, 1)?;
    at_most("ensemble.members", raw.ensemble.members, MOST_MEMBERS)?;
    check_clip(&raw.clip)?;
    for (key, pixels) in [("input.height", raw.input.height), ("input.width", raw.input.width)] {
        at_least(key, pixels, 1)?;
        at_most(key, pixels, MOST_PIXELS)?;
    }
    check_model(&raw.model)?;
    check_train(&raw.train)?;
    check_mask(&raw.mask, raw.ensemble.members, raw.input.height.min(raw.input.width))?;
    check_reconstruction(&raw.reconstruction, &raw.clip)?;
    check_decode(&raw.decode)?;
    check_ablation(&raw.ablation)?;
    probe::check_probe(&raw.probe)?;
    cluster::check_cluster(&raw.cluster)?;
    Ok(Experiment {
        seed: raw.seed.unwrap_or_else(|| name.clone()),
        name,
        device,
        run,
        data: validate_data(raw.data)?,
        clip: raw.clip,
        input_size: [raw.input.height, raw.input.width],
        model: raw.model,
        train: raw.train,
        members: raw.ensemble.members,
        fold_policy: raw.ensemble.folds,
        mask: raw.mask,
        reconstruction: raw.reconstruction,
        decode: raw.decode,
        ablation: raw.ablation,
        probe: raw.probe,
        cluster: raw.cluster,
    })
}

fn validate_data(data: RawData) -> Checked<DataSettings> {
    check(!data.mice.is_empty(), "data.mice", || {
        "is empty, expected the folder of at least one mouse".into()
    })?;
    let mut names = BTreeSet::new();
    for mouse in &data.mice {
        // A mouse is known by its folder's name; two of one name would overwrite each other's results.
        check(names.insert(mouse.file_name()), "data.mice", || {
            format!("has two folders of the name {}", mouse.file_name().unwrap_or_default().display())
        })?;
    }
    at_least("data.folds", data.folds, 2)?;
    check(data.held_out_fold < data.folds, "data.held_out_fold", || {
        format!("is {}, expected 0 to {} as data.folds is {}", data.held_out_fold, data.folds - 1, data.folds)
    })?;
    positive("data.frame_rate_hz", data.frame_rate_hz)?;
    let tiers_named = data.train_tiers.as_ref().is_none_or(|tiers| !tiers.is_empty());
    check(tiers_named, "data.train_tiers", || "is empty; leave it out to train on all tiers".into())?;
    Ok(DataSettings {
        mice: data.mice,
        folds: data.folds,
        fold_by: data.fold_by,
        held_out_fold: data.held_out_fold,
        frame_rate_hz: data.frame_rate_hz,
        trials: trial_choice(data.trials, data.trial_count)?,
        train_tiers: data.train_tiers.map(|tiers| tiers.into_iter().map(Tier).collect()),
        without: data.without,
    })
}

fn trial_choice(ids: Option<Vec<u32>>, count: Option<usize>) -> Checked<TrialChoice> {
    match (ids, count) {
        (None, None) => Ok(TrialChoice::HeldOut),
        (None, Some(count)) => {
            at_least("data.trial_count", count, 1)?;
            Ok(TrialChoice::FirstHeldOut(count))
        }
        (Some(ids), None) => {
            check(!ids.is_empty(), "data.trials", || "is empty, expected at least one trial".into())?;
            let distinct: BTreeSet<_> = ids.iter().collect();
            check(distinct.len() == ids.len(), "data.trials", || "names a trial twice".into())?;
            Ok(TrialChoice::Ids(ids.into_iter().map(TrialId).collect()))
        }
        (Some(_), Some(_)) => Err(Problem {
            key: "data.trials",
            message: "and data.trial_count are both given; give one".into(),
        }),
    }
}

fn check_clip(clip: &ClipConfig) -> Checked {
    at_least("clip.size", clip.size, 1)?;
    at_least("clip.step", clip.step, 1)
}

fn check_model(model: &ModelConfig) -> Checked {
    let blocks = model.core_features.len();
    at_least("model.expansion_ratio", model.expansion_ratio, 1)?;
    at_least("model.se_reduce_ratio", model.se_reduce_ratio, 1)?;
    at_least("model.groups", model.groups, 1)?;
    at_most("model.spatial_kernel", model.spatial_kernel, MOST)?;
    at_most("model.temporal_kernel", model.temporal_kernel, MOST)?;
    check(blocks > 0, "model.core_features", || "is empty, expected the width of at least one block".into())?;
    check(model.spatial_strides.len() == blocks, "model.spatial_strides", || {
        let strides = model.spatial_strides.len();
        format!("has {strides} entries for {blocks} blocks in model.core_features, expected one each")
    })?;
    for &stride in &model.spatial_strides {
        at_least("model.spatial_strides", stride, 1)?;
    }
    for &width in &model.core_features {
        at_least("model.core_features", width, 1)?;
        let inner = width * model.expansion_ratio;
        check(inner >= model.se_reduce_ratio, "model.se_reduce_ratio", || {
            let ratio = model.se_reduce_ratio;
            format!("is {ratio}, expected at most {inner}, the inner width of the narrowest block")
        })?;
    }
    odd("model.spatial_kernel", model.spatial_kernel)?;
    odd("model.temporal_kernel", model.temporal_kernel)?;
    let has_cortex = !model.cortex_features.is_empty();
    check(has_cortex || model.readout == ReadoutKind::Gaussian, "model.cortex_features", || {
        "is empty, expected the width of at least one layer, or model.readout = \"gaussian\"".into()
    })?;
    // Without a cortex nothing is grouped.
    let last_core = model.core_features.last().filter(|_| has_cortex);
    let last_core = last_core.map(|&width| ("model.core_features", width));
    let cortex = model.cortex_features.iter().map(|&width| ("model.cortex_features", width));
    for (key, width) in last_core.into_iter().chain(cortex) {
        at_least(key, width, 1)?;
        check(width.is_multiple_of(model.groups), key, || {
            format!(
                "feeds grouped layers with width {width}, expected a multiple of model.groups = {}",
                model.groups
            )
        })?;
    }
    positive("model.softplus_beta", model.softplus_beta)?;
    within("model.drop_rate", model.drop_rate, 0.0..1.0, "0 to below 1")?;
    within("model.drop_path_rate", model.drop_path_rate, 0.0..1.0, "0 to below 1")
}

fn check_train(train: &TrainConfig) -> Checked {
    at_least("train.batch_size", train.batch_size, 1)?;
    check(train.epoch_samples >= train.batch_size, "train.epoch_samples", || {
        format!("is {}, expected at least train.batch_size = {}", train.epoch_samples, train.batch_size)
    })?;
    at_most("train.epoch_samples", train.epoch_samples, MOST)?;
    at_least("train.validate_every", train.validate_every, 1)?;
    at_most("train.warmup_epochs", train.warmup_epochs, MOST)?;
    at_most("train.cosine_epochs", train.cosine_epochs, MOST)?;
    check(train.warmup_epochs + train.cosine_epochs > 0, "train.cosine_epochs", || {
        "and train.warmup_epochs are both 0, expected at least one epoch".into()
    })?;
    positive("train.learning_rate_per_4", train.learning_rate_per_4)?;
    within("train.weight_decay", train.weight_decay, 0.0.., "0 or more")?;
    within("train.final_rate_fraction", train.final_rate_fraction, 0.0..=1.0, "0 to 1")?;
    within("train.ema_decay", train.ema_decay, 0.0..1.0, "0 to below 1")?;
    check(!train.freeze_core || train.start_from.is_some(), "train.freeze_core", || {
        "is true without train.start_from: a core that never learned would stay as it was drawn".into()
    })?;
    within("train.cutmix_probability", train.cutmix_probability, 0.0..=1.0, "0 to 1")?;
    within("train.checkpoint_seconds", train.checkpoint_seconds, 0.0.., "0 or more")
}

fn check_mask(mask: &MaskConfig, members: usize, shorter_side: usize) -> Checked {
    at_least("mask.iterations", mask.iterations, 1)?;
    at_least("mask.members", mask.members, 1)?;
    check(mask.members <= members, "mask.members", || {
        format!("is {}, expected at most ensemble.members = {members}", mask.members)
    })?;
    at_most("mask.first_frame", mask.first_frame, MOST)?;
    positive("mask.learning_rate", mask.learning_rate)?;
    within("mask.initial_max", mask.initial_max.into(), 0.0..=1.0, "0 to 1")?;
    positive("mask.blur_sigma", mask.blur_sigma)?;
    odd("mask.blur_size", mask.blur_size)?;
    // Reflection at the border reads that far into the picture.
    check(mask.blur_size / 2 < shorter_side, "mask.blur_size", || {
        format!("is {}, expected below twice the input's shorter side, {shorter_side}", mask.blur_size)
    })
}

fn check_reconstruction(reconstruction: &ReconstructionConfig, clip: &ClipConfig) -> Checked {
    at_least("reconstruction.iterations", reconstruction.iterations, 1)?;
    at_least("reconstruction.stride", reconstruction.stride, 1)?;
    // A longer stride would leave frames that no window reconstructs.
    check(reconstruction.stride <= clip.window(), "reconstruction.stride", || {
        format!("is {}, expected at most the window of {} frames", reconstruction.stride, clip.window())
    })?;
    at_most("reconstruction.skip_frames", reconstruction.skip_frames, MOST)?;
    at_most("reconstruction.warmup_iterations", reconstruction.warmup_iterations, MOST)?;
    within("reconstruction.initial_grey", reconstruction.initial_grey.into(), 0.0..=255.0, "0 to 255")?;
    positive("reconstruction.learning_rate", reconstruction.learning_rate)?;
    within("reconstruction.rms_step", reconstruction.rms_step, 0.0..=255.0, "0 to 255 grey levels")?;
    let fraction = reconstruction.final_rate_fraction;
    within("reconstruction.final_rate_fraction", fraction, 0.0..=1.0, "0 to 1")?;
    within("reconstruction.beta_1", reconstruction.beta_1, 0.0..1.0, "0 to below 1")?;
    within("reconstruction.beta_2", reconstruction.beta_2, 0.0..1.0, "0 to below 1")?;
    within("reconstruction.update_threshold", reconstruction.update_threshold.into(), .., "a number")?;
    within(
        "reconstruction.evaluation_threshold",
        reconstruction.evaluation_threshold.into(),
        ..,
        "a number",
    )?;
    let filters = [
        ("reconstruction.gradient_sigma", reconstruction.gradient_sigma),
        ("reconstruction.filter_sigma", reconstruction.filter_sigma),
    ];
    for (key, sigma) in filters.into_iter().flat_map(|(key, sigmas)| sigmas.map(|sigma| (key, sigma))) {
        within(key, sigma, 0.0..=MOST_SIGMA, "0 to 1000 on every axis")?;
    }
    let (snapshots, last) = (&reconstruction.snapshots, reconstruction.iterations);
    let ascend = snapshots.iter().zip(snapshots.iter().skip(1)).all(|(one, next)| one < next);
    let exist = snapshots.iter().all(|iteration| (1..=last).contains(iteration));
    check(ascend && exist, "reconstruction.snapshots", || {
        format!(
            "is {snapshots:?}, expected ascending iterations from 1 to reconstruction.iterations = {last}"
        )
    })
}

fn check_decode(decode: &DecodeConfig) -> Checked {
    check(!decode.lags.is_empty(), "decode.lags", || {
        "is empty, expected the lag of at least one window".into()
    })?;
    decode.lags.iter().try_for_each(|&lag| at_most("decode.lags", lag, MOST))?;
    at_least("decode.smooth_frames", decode.smooth_frames, 1)?;
    check(!decode.strengths.is_empty(), "decode.strengths", || {
        "is empty, expected at least one strength of the penalty".into()
    })?;
    decode.strengths.iter().try_for_each(|&strength| positive("decode.strengths", strength))?;
    at_least("decode.most_features", decode.most_features, 1)
}

fn check_ablation(ablation: &AblationConfig) -> Checked {
    fn each_once<T: PartialEq>(key: &'static str, values: &[T]) -> Checked {
        check(!values.is_empty(), key, || "is empty, expected at least one".into())?;
        let twice = (1..values.len()).any(|k| values[..k].contains(&values[k]));
        check(!twice, key, || "names one twice".into())
    }
    each_once("ablation.keep", &ablation.keep)?;
    each_once("ablation.by", &ablation.by)?;
    each_once("ablation.methods", &ablation.methods)?;
    each_once("ablation.channels", &ablation.channels)?;
    each_once("ablation.alterations", &ablation.alterations)?;
    at_least("ablation.draws", ablation.draws, 1)?;
    at_least("ablation.prediction_trials", ablation.prediction_trials, 1)?;
    // 2.5 % of fewer are hardly any.
    at_least("ablation.resamples", ablation.resamples, 200)
}
