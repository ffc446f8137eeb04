//! Mice made of plain arrays, as labs keep them, and still images decoded from responses to them.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use ndarray::{Array2, s};
use predicates::prelude::*;
use predicates::str::contains;
use rand::Rng;
use tempfile::TempDir;
use v1reel::data::format::arrays::{ArrayFiles, Stimulus, import_arrays};
use v1reel::data::format::npy_array::{write_numbers, write_texts};
use v1reel::data::format::npy_header::{Element, Header};
use v1reel::data::movies::{MovieGroups, Place};
use v1reel::data::{Folds, Mouse, TrialId};
use v1reel::decode::STRENGTHS;
use v1reel::decode::images::{Fit, Images};
use v1reel::event::Silent;
use v1reel::metric::filter::gaussian_filter;
use v1reel::seed;

const SIDE: usize = 31;

fn value(parts: &[usize]) -> f32 {
    (parts.iter().fold(7, |sum, part| sum * 31 + part * 17 + 3) % 200) as f32
}

/// Writes an array of `value`s.
fn write(path: &Path, shape: &[usize], value: impl Fn(&[usize]) -> f32) {
    write_numbers(path, shape, indices(shape).iter().map(|index| value(index))).unwrap();
}

/// Lists all indices of a shape, the last axis the fastest.
fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for &length in shape {
        all = all.iter().flat_map(|i| (0..length).map(move |k| [&i[..], &[k]].concat())).collect();
    }
    all
}

/// Writes doubles with the first axis the fastest, as MATLAB has them.
fn write_fortran(path: &Path, shape: &[usize], value: impl Fn(&[usize]) -> f32) {
    let header =
        String::from_utf8_lossy(&Header::format(Element::F8, shape)[10..]).replace("False,", "True, ");
    let mut bytes = Header::format(Element::F8, shape)[..10].to_vec();
    bytes.extend(header.as_bytes());
    let reversed: Vec<usize> = shape.iter().rev().copied().collect();
    for index in indices(&reversed) {
        let index: Vec<usize> = index.into_iter().rev().collect();
        bytes.extend(f64::from(value(&index)).to_le_bytes());
    }
    std::fs::write(path, bytes).unwrap();
}

fn files(stimulus: Stimulus, responses: &[&Path]) -> ArrayFiles {
    ArrayFiles {
        stimulus,
        responses: responses.iter().map(|path| path.to_path_buf()).collect(),
        behavior: None,
        pupil_center: None,
        positions: None,
        tiers: None,
        scale: 1.0,
        average_repeats: false,
    }
}

fn images(path: &Path, frames_each: usize) -> Stimulus {
    Stimulus::Images { path: path.to_path_buf(), frame_size: None, frames_each }
}

/// Smooth pictures that have nothing to do with each other: `[image, height, width]`, grey levels.
fn pictures(count: usize) -> ndarray::Array3<f32> {
    let mut rng = seed::stream("test", "pictures", &[]);
    let noise = ndarray::Array3::from_shape_simple_fn((count, SIDE, SIDE), || rng.random_range(-1.0f32..1.0));
    let smooth = gaussian_filter(noise.view(), [0.0, 2.0, 2.0]);
    smooth.mapv(|v| (127.5 + 400.0 * v).clamp(0.0, 255.0))
}

/// Pictures, and cells that answer each with weighted sums of its pixels, each repeat with noise of its own.
fn shown_pictures(count: usize, cells: usize, repeats: usize) -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (pictures, mut rng) = (pictures(count), seed::stream("test", "cells", &[]));
    let flat = pictures.to_shape((count, SIDE * SIDE)).unwrap().to_owned() / 255.0;
    let noise = ndarray::Array3::from_shape_simple_fn((cells, SIDE, SIDE), || rng.random_range(-1.0f32..1.0));
    let fields = gaussian_filter(noise.view(), [0.0, 2.0, 2.0]);
    let clean = flat.dot(&fields.to_shape((cells, SIDE * SIDE)).unwrap().t());
    let (stimuli, responses) = (folder.path().join("images.npy"), folder.path().join("responses.npy"));
    write_numbers(&stimuli, pictures.shape(), pictures.iter().copied()).unwrap();
    let noisy = (0..repeats).flat_map(|_| clean.iter().copied().collect::<Vec<_>>());
    let noisy: Vec<f32> = noisy.map(|value| value + rng.random_range(-0.2..0.2)).collect();
    write_numbers(&responses, &[repeats, count, cells], noisy).unwrap();
    (folder, stimuli, responses)
}

#[test]
fn movies_in_one_file_and_in_a_folder_make_the_same_mouse_whatever_their_order_and_type() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (movie, response) = (|i: &[usize]| value(i), |i: &[usize]| value(&[i[0], i[1], i[2], 5]) / 8.0);
    // The second trial is two frames shorter than the others.
    let ends = |i: &[usize], value: f32, frame: usize| if i[0] == 1 && frame > 5 { f32::NAN } else { value };
    write(&at("movies.npy"), &[3, 8, 4, 5], |i| ends(i, movie(i), i[1]));
    write_fortran(&at("responses.npy"), &[3, 6, 8], |i| ends(i, response(i), i[2]));
    write(&at("behavior.npy"), &[3, 2, 8], |i| ends(i, value(i), i[2]));
    write(&at("positions.npy"), &[6, 2], value);
    write_texts(&at("tiers.npy"), &["train", "oracle", "train"]).unwrap();
    for (trial, name) in ["2", "9", "10"].into_iter().enumerate() {
        let frames = if trial == 1 { 6 } else { 8 };
        for (array, shape) in [("movies", vec![frames, 4, 5]), ("responses", vec![6, frames])] {
            std::fs::create_dir_all(at(array)).unwrap();
            let file = at(array).join(format!("{name}.npy"));
            let value = |i: &[usize]| [&[trial], i].concat();
            if array == "movies" {
                write_fortran(&file, &shape, |i| movie(&value(i)));
            } else {
                write(&file, &shape, |i| response(&value(i)));
            }
        }
    }
    let one = ArrayFiles {
        behavior: Some(at("behavior.npy")),
        positions: Some(at("positions.npy")),
        tiers: Some(at("tiers.npy")),
        ..files(Stimulus::Movies(at("movies.npy")), &[&at("responses.npy")])
    };
    let several = files(Stimulus::Movies(at("movies")), &[&at("responses")]);
    let (first, second) = (at("first"), at("second"));
    let made = import_arrays(&one, &first, &Silent).unwrap();
    assert_eq!((made.neurons, made.frame_size, made.trials, made.showings), (6, [4, 5], 3, None));
    import_arrays(&several, &second, &Silent).unwrap();
    let [first, second] = [first, second].map(|path| Mouse::open(path).unwrap());
    assert_eq!(first.trials.iter().map(|trial| trial.frames).collect::<Vec<_>>(), [8, 6, 8]);
    assert_eq!(first.trials[1].tier.0, "oracle");
    assert_eq!((first.behavior_rows, second.behavior_rows), (2, 0));
    let places = first.cell_motor_coordinates.clone().unwrap();
    assert_eq!((places[[4, 1]], places[[4, 2]]), (value(&[4, 1]), 0.0));
    for id in (0..3).map(TrialId) {
        let [a, b] = [&first, &second].map(|mouse| mouse.read_trial(id).unwrap());
        assert_eq!((&a.movie, &a.responses), (&b.movie, &b.responses));
        assert_eq!(a.movie[[5, 3, 1]], value(&[id.0 as usize, 5, 3, 1]));
        assert_eq!(a.responses[[4, 2]], value(&[id.0 as usize, 4, 2, 5]) / 8.0);
    }
}

#[test]
fn every_repeat_of_an_image_is_a_trial_and_populations_share_as_many_as_all_have() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // Grey levels in millionths, pixels in a row.
    write(&at("images.npy"), &[4, 12], |i| value(i) * 1e-6);
    write(&at("a.npy"), &[3, 4, 5], value);
    write(&at("b.npy"), &[2, 4, 6], |i| 0.5 * value(i));
    let stimulus = Stimulus::Images { path: at("images.npy"), frame_size: Some([3, 4]), frames_each: 2 };
    let each = ArrayFiles { scale: 1e6, ..files(stimulus, &[&at("a.npy"), &at("b.npy")]) };
    let made = import_arrays(&each, &at("each"), &Silent).unwrap();
    assert_eq!((made.neurons, made.frame_size, made.trials, made.showings), (11, [3, 4], 8, Some(2)));
    let mouse = Mouse::open(at("each")).unwrap();
    let trial = mouse.read_trial(TrialId(4 + 3)).unwrap();
    assert_eq!(trial.movie.dim(), (2, 3, 4));
    // Rounding of f32 millionths.
    assert!((trial.movie[[1, 2, 1]] - value(&[3, 9])).abs() < 1e-3);
    assert_eq!(
        (trial.responses[[2, 1]], trial.responses[[5 + 1, 0]]),
        (value(&[1, 3, 2]), 0.5 * value(&[1, 3, 1]))
    );
    import_arrays(&ArrayFiles { average_repeats: true, ..each }, &at("mean"), &Silent).unwrap();
    let mouse = Mouse::open(at("mean")).unwrap();
    assert_eq!(mouse.trials.len(), 4);
    let mean = (0..3).map(|repeat| value(&[repeat, 3, 2])).sum::<f32>() / 3.0;
    assert!((mouse.read_trial(TrialId(3)).unwrap().responses[[2, 0]] - mean).abs() < 1e-4);
}

#[test]
fn repeats_of_an_image_share_a_fold_and_unrelated_images_are_not_joined() {
    for frames_each in [1, 2, 4, 32] {
        let (folder, stimuli, responses) = shown_pictures(30, 3, 2);
        let path = folder.path().join("mouse");
        import_arrays(&files(images(&stimuli, frames_each), &[&responses]), &path, &Silent).unwrap();
        let mouse = Mouse::open(&path).unwrap();
        let groups = MovieGroups::find(&[&mouse], &Silent).unwrap();
        let place = |trial| Place { mouse: 0, trial: TrialId(trial) };
        assert_eq!(groups.groups().len(), 30, "{frames_each} frames");
        assert!((0..30).all(|image| groups.group_of(place(image)) == groups.group_of(place(image + 30))));
        let folds = &Folds::of_groups(&[&mouse], &groups, 5).unwrap()[0];
        // An even number of equal frames must not cancel: 30 images leave none of 5 folds empty.
        let sizes = [0, 1, 2, 3, 4].map(|fold| folds.trials_in(fold).unwrap().len());
        assert!(sizes.iter().all(|&size| size > 0), "{frames_each} frames: {sizes:?}");
    }
}

#[test]
fn what_does_not_fit_is_named_with_what_was_expected_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("movies.npy"), &[2, 8, 4, 5], value);
    write(&at("flat.npy"), &[4, 12], value);
    write(&at("good.npy"), &[2, 6, 8], value);
    write(&at("transposed.npy"), &[2, 8, 6], value);
    write(&at("fewer.npy"), &[1, 6, 8], value);
    write(&at("hole.npy"), &[2, 6, 8], |i| if *i == [1, 3, 2] { f32::NAN } else { 1.0 });
    write(&at("short.npy"), &[2, 6, 8], |i| if i[2] > 6 { f32::NAN } else { 1.0 });
    write(&at("dark.npy"), &[2, 8, 4, 5], |i| value(i) - 100.0);
    write(&at("empty.npy"), &[0, 6, 8], value);
    write(&at("cells.npy"), &[3, 5], value);
    std::fs::create_dir(at("nothing")).unwrap();
    let movies = |movies: &str, responses: &str| files(Stimulus::Movies(at(movies)), &[&at(responses)]);
    let stills = files(images(&at("flat.npy"), 1), &[&at("cells.npy")]);
    let sized = Stimulus::Images { path: at("flat.npy"), frame_size: Some([3, 4]), frames_each: 1 };
    let cases = [
        (movies("movies.npy", "transposed.npy"), "transposed.npy", "its movie has 8"),
        (movies("movies.npy", "fewer.npy"), "fewer.npy", "1 trials"),
        (movies("movies.npy", "hole.npy"), "hole.npy", "row 3, frame 2"),
        (movies("movies.npy", "short.npy"), "movies.npy", "7 response frames, 8 frames"),
        (movies("dark.npy", "good.npy"), "dark.npy", "--scale"),
        (movies("flat.npy", "good.npy"), "flat.npy", "trial, frame, height, width"),
        (movies("movies.npy", "empty.npy"), "empty.npy", "holds nothing"),
        (movies("nothing", "good.npy"), "nothing", "no .npy file"),
        (movies("movies.npy", "missing.npy"), "missing.npy", "No such file"),
        (stills.clone(), "flat.npy", "--frame-size HxW"),
        (ArrayFiles { stimulus: sized.clone(), ..stills }, "cells.npy", "there are 4 images"),
        (files(sized, &[&at("good.npy")]), "good.npy", "(repeat, image, cell)"),
    ];
    for (files, file, words) in cases {
        let error = import_arrays(&files, &at("mouse"), &Silent).unwrap_err().to_string();
        assert!(error.contains(file) && error.contains(words), "{file}, {words}: {error}");
        assert!(!at("mouse").exists(), "{error}");
    }
}

#[test]
fn folders_whose_files_have_other_names_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, shape, files) in [("movies", vec![3, 4, 5], ["0", "1"]), ("responses", vec![2, 3], ["0", "2"])]
    {
        std::fs::create_dir(at(name)).unwrap();
        files.iter().for_each(|file| write(&at(name).join(file).with_extension("npy"), &shape, value));
    }
    let error =
        import_arrays(&files(Stimulus::Movies(at("movies")), &[&at("responses")]), &at("mouse"), &Silent);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("2.npy") && error.contains("1.npy"), "{error}");
}

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
