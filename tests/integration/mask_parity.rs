//! The transparency mask is trained as the published script trains it.

use burn::tensor::Device;
use ndarray::{Axis, Ix2, Ix3, Ix4, concatenate, s};
use v1reel::data::ClipConfig;
use v1reel::data::input::{Geometry, Padding};
use v1reel::model::Encoder;
use v1reel::reconstruct::mask::{MaskSample, MaskTrainer};
use v1reel::reconstruct::{MaskConfig, Population, Problem};

use super::support::{
    encoder, input_size, member_checkpoint, reference_array, reference_json, relative_error,
};

#[test]
fn the_mask_moves_as_published() {
    check(&encoder(0));
}

#[test]
fn the_mask_moves_as_published_by_tensor_operations() {
    check(&Encoder::by_tensors(member_checkpoint(0), &Device::flex()).unwrap());
}

fn check(encoder: &Encoder) {
    let clip = ClipConfig::default();
    let frames = clip.window();
    let initial = reference_array("mask.npz", "mask_init").into_dimensionality::<Ix4>().unwrap();
    let initial = initial.index_axis(Axis(0), 0).to_owned();
    let movie = |file: &str, name: &str| {
        let movie = reference_array(file, name).into_dimensionality::<Ix3>().unwrap();
        let movie = movie.permuted_axes([2, 0, 1]).slice_move(s![..frames, .., ..]);
        let (_, height, width) = movie.dim();
        Geometry::new([height, width], input_size(), Padding::Center).unwrap().embed(movie.view())
    };
    let rows = |name: &str| {
        let rows = reference_array("trial.npz", name).into_dimensionality::<Ix2>().unwrap();
        rows.slice_move(s![.., ..frames])
    };
    let behavior = [rows("trial_behavior"), rows("trial_pupil_center")];
    let sample = MaskSample {
        problem: Problem {
            mouse: 1,
            behavior: concatenate(Axis(0), &[behavior[0].view(), behavior[1].view()]).unwrap(),
            responses: rows("trial_responses_mouse1"),
            population: Population::all(),
            clip,
            stride: frames,
        },
        movie: movie("trial.npz", "trial_video"),
        background: movie("mask.npz", "mask_background_video"),
    };
    let mut trainer = MaskTrainer::from_initial(&MaskConfig::default(), initial.clone());
    let start = initial.index_axis(Axis(0), 0).to_owned();
    let losses = reference_json("expected.json")["mask_losses"].clone();
    for (iteration, expected) in losses.as_array().unwrap().iter().enumerate() {
        let loss = trainer.step(encoder, &sample);
        let expected = expected.as_f64().unwrap();
        // Order of f32 sums over neurons and frames.
        assert!(
            (loss / expected - 1.0).abs() < 1e-5,
            "iteration {iteration}: loss {loss}, expected {expected}"
        );
        if [0, 2, 5].contains(&iteration) {
            let expected = reference_array("mask.npz", &format!("mask_iter{iteration}"));
            let change = trainer.mask() - &start;
            let expected = expected.into_dimensionality::<Ix2>().unwrap() - &start;
            let error = relative_error(change.iter(), expected.iter());
            // The reference asks for 1 % of the change's norm; gradients agree to 1e-3.
            assert!(error < 2e-3, "iteration {iteration}: the change is off by {error} of its norm");
        }
    }
}
