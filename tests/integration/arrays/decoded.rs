//! Still images decoded from the responses to them.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use ndarray::{Array2, s};
use predicates::prelude::*;
use predicates::str::contains;
use v1reel::data::Mouse;
use v1reel::data::format::arrays::{ArrayFiles, Stimulus, import_arrays};
use v1reel::decode::STRENGTHS;
use v1reel::decode::images::{Fit, Images};
use v1reel::event::Silent;

use super::made::*;

#[test]
fn pictures_are_decoded_from_linear_cells_and_not_from_shuffled_ones() {
    let (folder, stimuli, responses) = shown_pictures(40, 60, 3);
    let path = folder.path().join("mouse");
    import_arrays(&files(images(&stimuli, 1), &[&responses]), &path, &Silent).unwrap();
    let images = Images::read(&Mouse::open(&path).unwrap(), &Silent).unwrap();
    assert_eq!((images.groups.len(), images.responses.dim()), (40, (40, 60)));
    assert!(images.showings.iter().all(|&showings| showings == 3));
    let decoded = images.decode(&Fit::Best(STRENGTHS.to_vec()), 5, "test", &Silent).unwrap();
    let pixel_correlation = |score: &v1reel::decode::images::DecodingScore| score.pixel_correlation;
    let [shuffled, _] = decoded.chance(pixel_correlation).unwrap();
    // 40 smooth pictures of some 961 / (4 pi 2^2) = 20 free patches: most of what is linear is learned. By chance the
    // mean over 40 pictures scatters by 1 / sqrt(20 * 40) = 0.035.
    assert!(decoded.score.pixel_correlation > 0.5, "{:?}", decoded.score);
    assert!(shuffled.abs() < 0.1, "{shuffled}");
    assert_eq!(decoded.p_value(pixel_correlation), 1.0 / 6.0);
}

#[test]
fn a_decoded_picture_does_not_depend_on_its_own_pixels_unless_all_are_centred() {
    let (folder, stimuli, responses) = shown_pictures(12, 20, 1);
    let path = folder.path().join("mouse");
    import_arrays(&files(images(&stimuli, 1), &[&responses]), &path, &Silent).unwrap();
    let images = Images::read(&Mouse::open(&path).unwrap(), &Silent).unwrap();
    let mut altered = images.clone();
    altered.pixels.row_mut(3).fill(0.0);
    altered.pixels.slice_mut(s![3, ..400]).fill(255.0);
    let farthest =
        |a: &Array2<f64>, b: &Array2<f64>| (&a.row(3) - &b.row(3)).fold(0.0f64, |most, e| most.max(e.abs()));
    for (fit, leaks) in
        [(Fit::Best(vec![0.1, 1.0]), false), (Fit::Fixed(5.0), false), (Fit::CentredOnAll(5.0), true)]
    {
        let [a, b] =
            [&images, &altered].map(|images| images.decode(&fit, 0, "test", &Silent).unwrap().images);
        // Coordinates were rounded to f32.
        assert_eq!(farthest(&a, &b) > 0.1, leaks, "{fit:?}: {}", farthest(&a, &b));
    }
}

#[test]
fn the_commands_make_a_mouse_and_decode_it() {
    let (folder, stimuli, responses) = shown_pictures(10, 8, 2);
    let at = |name: &str| folder.path().join(name);
    let v1reel = || Command::new(env!("CARGO_BIN_EXE_v1reel"));
    let import = || {
        let mut command = v1reel();
        command.args(["-q", "data", "from-arrays"]).arg(at("mouse")).arg("--images").arg(&stimuli);
        command.arg("--responses").arg(&responses);
        command
    };
    import().assert().success().stdout(contains("8 neurons, 20 trials (10 images, each shown 2 times)"));
    import().assert().code(2).stderr(contains("is there already"));
    let decode = |more: &[&str]| {
        let mut command = v1reel();
        command.args(["-q", "decode"]).arg(at("mouse")).args(more);
        command
    };
    let out = at("decoded.npy");
    let words = ["--shuffles", "3", "--json", "--out", out.to_str().unwrap()];
    decode(&words).assert().success().stdout(contains("\"images\":10").and(contains("shuffled_97.5")));
    assert_eq!(v1reel::data::format::npy_array::NpyArray::open(&out).unwrap().shape(), [10, SIDE, SIDE]);
    decode(&["--centring", "all"]).assert().code(2).stderr(contains("--penalty"));
    decode(&["--penalty", "0"]).assert().code(2).stderr(contains("more than 0"));
}

/// Ten still images in two folds, each member leaving out one.
const STILLS: &str = r#"
name = "stills"
run = "run"
[data]
mice = ["mouse"]
folds = 2
frame_rate_hz = 1.0
trials = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
[ensemble]
members = 2
folds = "cross"
[clip]
size = 1
step = 1
[input]
height = 33
width = 31
[model]
core_features = [4]
spatial_strides = [4]
temporal_kernel = 1
expansion_ratio = 1
se_reduce_ratio = 4
readout = "gaussian"
cortex_features = []
[train]
batch_size = 4
warmup_epochs = 1
cosine_epochs = 1
epoch_samples = 8
[mask]
from = "everywhere"
[decode]
lags = [0]
smooth_frames = 1
[reconstruction]
combine = "gradients"
iterations = 2
stride = 1
skip_frames = 0
"#;

#[test]
fn still_images_go_the_whole_way_and_each_is_judged_by_others() {
    let (folder, stimuli, responses) = shown_pictures(10, 4, 2);
    import_arrays(&files(images(&stimuli, 1), &[&responses]), &folder.path().join("mouse"), &Silent).unwrap();
    std::fs::write(folder.path().join("stills.toml"), STILLS).unwrap();
    let run = |command: &str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_v1reel"));
        program
            .current_dir(&folder)
            .args([command, "stills.toml", "--quiet", "--threads", "1"])
            .assert()
            .success()
    };
    run("train");
    run("validate");
    // The padding does not matter, every pixel of the images does.
    run("mask").stdout(contains("961            961  961"));
    run("reconstruct").stderr(contains("mask was trained").not());
    run("evaluate");
    let table = std::fs::read_to_string(folder.path().join("run/evaluation/trials.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 10);
    let responses = std::fs::read_to_string(folder.path().join("run/evaluation/responses.csv")).unwrap();
    let mut rows = responses.lines();
    let column = rows.next().unwrap().split(',').position(|name| name == "explainable_variance").unwrap();
    // The cells are nearly noiseless: most of what they do repeats, image by image.
    let shares = rows.map(|row| row.split(',').nth(column).unwrap().parse::<f64>().unwrap());
    assert!(shares.filter(|&share| share > 0.5).count() >= 4);
    // Were an image part of the mean that it is held against, it would correlate by some 1 / sqrt(5).
    let column =
        table.lines().next().unwrap().split(',').position(|name| name == "control_mean_movie").unwrap();
    let mean: f64 =
        table.lines().skip(1).map(|row| row.split(',').nth(column).unwrap().parse::<f64>().unwrap()).sum();
    assert!(mean / 10.0 < 0.15, "{mean}");
}

/// Folder of the recordings of Antolik et al. 2016, when it is there.
fn antolik() -> Option<PathBuf> {
    let shared = std::env::var_os("V1REEL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let folder = shared.join("data/antolik2016");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there (V1REEL_SHARED names the folder above data)", folder.display());
    None
}

#[test]
fn real_neurons_decode_fifty_images_as_they_did_before() {
    let Some(data) = antolik() else { return };
    let folder = tempfile::tempdir().unwrap();
    let stimulus = Stimulus::Images {
        path: data.join("region1/validation_inputs.npy"),
        frame_size: Some([SIDE, SIDE]),
        frames_each: 1,
    };
    let regions = ["region1", "region2"].map(|region| data.join(region).join("raw_validation_set.npy"));
    let both = files(stimulus, &[&regions[0], &regions[1]]);
    let both = ArrayFiles { scale: 1e6, average_repeats: true, ..both };
    let made = import_arrays(&both, &folder.path().join("means"), &Silent).unwrap();
    assert_eq!((made.neurons, made.trials, made.showings), (158, 50, Some(1)));
    let mouse = Mouse::open(folder.path().join("means")).unwrap();
    let images = Images::read(&mouse, &Silent).unwrap();
    assert_eq!(images.groups.len(), 50);
    let less_mean = |score: &v1reel::decode::images::DecodingScore| score.less_mean_image;
    // As known of these data: 0.364, and 0.214 for shuffled images, at a penalty of 10, which is a figure of images that
    // were centred together. Equal to the third digit; 20 shuffles scatter by 0.04, their mean by 0.01.
    let known = images.decode(&Fit::CentredOnAll(10.0), 20, "known", &Silent).unwrap();
    assert!((known.score.less_mean_image - 0.364).abs() < 0.0006, "{:?}", known.score);
    assert!((known.chance(less_mean).unwrap()[0] - 0.214).abs() < 0.03, "{:?}", known.chance(less_mean));
    // Computed with numpy, refitting for every image to the other 49, cells at unit variance over all 50, at the penalty
    // 158: 0.18209; nothing but f32 coordinates differs.
    let honest = images.decode(&Fit::Fixed(158.0), 20, "honest", &Silent).unwrap();
    assert!((honest.score.less_mean_image - 0.18209).abs() < 0.0001, "{:?}", honest.score);
    assert!(honest.chance(less_mean).unwrap()[0].abs() < 0.04, "{:?}", honest.chance(less_mean));
    assert_eq!(honest.p_value(less_mean), 1.0 / 21.0);
}
