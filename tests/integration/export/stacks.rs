//! Arrays: TIFF, NPZ and HDF5.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use hdf5::types::VarLenUnicode;
use ndarray::{Array1, Array2, Array3, ArrayD, IxDyn};
use npyz::npz::NpzArchive;
use tiff::decoder::{Decoder, DecodingResult};
use v1reel::hdf5_file::unlocked;

use super::made::{FIRST, RATE_HZ, SIZE, result, trial};
use super::*;

/// Reads all frames of a stack, whatever their type.
fn stack(path: &Path) -> Array3<f32> {
    let mut decoder = Decoder::new(File::open(path).unwrap()).unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    let mut values = Vec::new();
    loop {
        match decoder.read_image().unwrap() {
            DecodingResult::F32(frame) => values.extend(frame),
            DecodingResult::U8(frame) => values.extend(frame.into_iter().map(f32::from)),
            _ => panic!("pixels of another type"),
        }
        if !decoder.more_images() {
            break;
        }
        decoder.next_image().unwrap();
    }
    let frames = values.len() / (width * height) as usize;
    Array3::from_shape_vec((frames, height as usize, width as usize), values).unwrap()
}

#[test]
fn stacks_hold_the_pixels_of_the_results_and_the_truth_and_mask_once() {
    let run = MadeRun::new();
    let files = exported(&run, &[Format::Tiff], &["recorded", "shuffled-neurons"], true);
    let names: Vec<&str> =
        files.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect();
    let of_trial = |trial: u32| {
        let kinds = ["ground_truth", "reconstruction", "member_0", "member_1", "mask"];
        kinds.map(|what| format!("anna_trial_{trial}_{what}.tif")).to_vec()
    };
    let control = ["shuffled_neurons", "shuffled_neurons_member_0", "shuffled_neurons_member_1"];
    let control = control.map(|what| format!("anna_trial_2_{what}.tif")).to_vec();
    assert_eq!(names, [of_trial(0), of_trial(2), control].concat());
    let read = |name: &str| stack(&run.file(&format!("tiff/anna_trial_2_{name}.tif")));
    let expected = result(2, 1.0);
    assert_eq!(read("reconstruction"), expected.movie);
    assert_eq!(read("ground_truth"), expected.ground_truth);
    assert_eq!(read("shuffled_neurons"), result(2, 0.3).movie);
    let mask = read("mask");
    assert_eq!(mask.dim(), (1, SIZE[0], SIZE[1]));
    assert!(mask.iter().zip(&expected.mask).all(|(&shown, &scored)| shown == 255.0 * f32::from(scored)));
    // Cropped to the movie's size, from the reconstruction's first frame on.
    assert_eq!(read("member_1"), Array3::from_elem(expected.movie.dim(), 20.0));
}

#[test]
fn stacks_of_8_bits_are_rounded() {
    let run = MadeRun::new();
    let options = ExportOptions { depth: v1reel::export::Depth::Eight, ..ExportOptions::default() };
    let selection = Selection { trials: vec![0], ..Selection::default() };
    export(&run.run(), &run.out(), &[Format::Tiff], &selection, &options, &Silent).unwrap();
    let found = stack(&run.file("tiff/anna_trial_0_reconstruction.tif"));
    assert_eq!(found, result(0, 1.0).movie.mapv(f32::round));
    assert!(!run.file("tiff/anna_trial_2_reconstruction.tif").exists(), "another trial was asked for");
}

fn archive(path: &Path) -> NpzArchive<BufReader<File>> {
    NpzArchive::new(BufReader::new(File::open(path).unwrap())).unwrap()
}

fn array<T: npyz::Deserialize>(archive: &mut NpzArchive<BufReader<File>>, name: &str) -> ArrayD<T> {
    let entry = archive.by_name(name).unwrap().unwrap_or_else(|| panic!("no {name}"));
    let shape: Vec<usize> = entry.shape().iter().map(|&n| n as usize).collect();
    ArrayD::from_shape_vec(IxDyn(&shape), entry.into_vec().unwrap()).unwrap()
}

#[test]
fn an_npz_holds_every_array_of_its_movie() {
    let run = MadeRun::new();
    exported(&run, &[Format::Npz], &["recorded", "linear-decoder"], true);
    let mut found = archive(&run.file("npz/anna_trial_2_reconstruction.npz"));
    let (expected, recorded) = (result(2, 1.0), trial(2));
    assert_eq!(array::<f32>(&mut found, "movie"), expected.movie.clone().into_dyn());
    assert_eq!(array::<f32>(&mut found, "ground_truth"), expected.ground_truth.clone().into_dyn());
    assert_eq!(array::<u8>(&mut found, "mask"), expected.mask.clone().into_dyn());
    assert_eq!(array::<f32>(&mut found, "responses"), expected.responses.into_dyn());
    assert_eq!(array::<f32>(&mut found, "predicted_responses"), expected.predicted_responses.into_dyn());
    assert_eq!(array::<f64>(&mut found, "losses"), expected.losses.into_dyn());
    assert_eq!(array::<f32>(&mut found, "behavior"), recorded.behavior.into_dyn());
    assert_eq!(array::<f32>(&mut found, "pupil_center"), recorded.pupil_center.into_dyn());
    assert_eq!(array::<f64>(&mut found, "frame_rate_hz")[IxDyn(&[])], RATE_HZ);
    assert_eq!(array::<i64>(&mut found, "first_frame")[IxDyn(&[])], FIRST as i64);
    assert_eq!(array::<i64>(&mut found, "trial")[IxDyn(&[])], 2);
    let times = array::<f64>(&mut found, "time_s");
    assert_eq!((times.len(), times[[0]]), (expected.movie.dim().0, FIRST as f64 / RATE_HZ));
    // All but a constant is the truth.
    assert!(array::<f64>(&mut found, "frame_correlation").iter().all(|&r| (r - 1.0).abs() < 1e-6));
    assert_eq!(
        array::<f32>(&mut found, "member_0"),
        Array3::from_elem(expected.movie.dim(), 10.0).into_dyn()
    );

    let mut linear = archive(&run.file("npz/anna_trial_2_linear_decoder.npz"));
    let names: Vec<String> = linear.array_names().map(str::to_string).collect();
    assert!(!names.iter().any(|name| name == "predicted_responses" || name == "losses"), "{names:?}");
    let movie = array::<f32>(&mut linear, "movie");
    assert_eq!(movie.shape(), array::<f32>(&mut found, "movie").shape());
    for (at, &scored) in expected.mask.indexed_iter() {
        // Shown as the reconstruction is: through its mask.
        assert_eq!(movie[[3, at.0, at.1]] == 127.5, scored == 0, "{at:?}");
    }
}

#[test]
fn an_hdf5_file_holds_the_whole_run_by_mouse_trial_and_condition() {
    let run = MadeRun::new();
    let files = exported(&run, &[Format::H5], &["all"], false);
    assert_eq!(files.len(), 1);
    let file = unlocked().open(run.file("h5/first.h5")).unwrap();
    let read = |name: &str| -> Array3<f32> { file.dataset(name).unwrap().read().unwrap() };
    assert_eq!(read("anna/trial_0/recorded/movie"), result(0, 1.0).movie);
    assert_eq!(read("anna/trial_2/ground_truth"), result(2, 1.0).ground_truth);
    assert_eq!(read("anna/trial_2/shuffled_neurons/movie"), result(2, 0.3).movie);
    let ablated = "anna/trial_2/ablation/neurons/random/exclude/2_neurons/draw_0";
    assert_eq!(read(&format!("{ablated}/movie")), result(2, 0.6).movie);
    assert!(!file.link_exists("anna/trial_2/shuffled_neurons/ground_truth"), "it is the trial's");
    let behavior: Array2<f32> = file.dataset("anna/trial_2/behavior").unwrap().read().unwrap();
    assert_eq!(behavior, trial(2).behavior);
    let correlation: Array1<f64> =
        file.dataset("anna/trial_2/recorded/frame_correlation").unwrap().read().unwrap();
    assert_eq!(correlation.len(), result(2, 1.0).movie.dim().0);
    let attribute = |at: &str, name: &str| -> String {
        let attribute = file.dataset(at).unwrap().attr(name).unwrap();
        attribute.read_scalar::<VarLenUnicode>().unwrap().to_string()
    };
    assert_eq!(attribute("anna/trial_2/recorded/movie", "axes"), "frame, height, width");
    assert!(attribute("anna/trial_2/recorded/movie", "units").starts_with("grey level"));
    let group = file.group("anna/trial_2").unwrap();
    assert_eq!(group.attr("frame_rate_hz").unwrap().read_scalar::<f64>().unwrap(), RATE_HZ);
    let text = |name: &str| {
        let attribute = file.attr(name).unwrap();
        attribute.read_scalar::<VarLenUnicode>().unwrap().to_string()
    };
    assert!(text("experiment").contains("filter_sigma"));
    assert_eq!((text("run"), text("seed")), ("first".into(), "seed".into()));
}
