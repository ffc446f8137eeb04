//! The movie hash against the published code's hashes.

use ndarray::{Axis, Ix3};
use v1reel::data::fold::{PUBLISHED_FOLDS, fold_of, movie_hash};

use super::support::{reference_array, reference_json};

/// Movie `index` of the reference file without its NaN tail: `[frame, height, width]`.
fn reference_movie(index: usize) -> ndarray::Array3<f32> {
    let movie = reference_array("fold_hash.npz", &format!("phash_video_{index}"));
    let movie = movie.into_dimensionality::<Ix3>().unwrap().permuted_axes([2, 0, 1]);
    let valid = movie.outer_iter().take_while(|frame| !frame[[0, 0]].is_nan()).count();
    movie.select(Axis(0), &(0..valid).collect::<Vec<_>>())
}

#[test]
fn movie_hashes_are_the_published_ones_bit_for_bit() {
    let expected = reference_json("phash_expected.json");
    let expected = expected.as_array().unwrap();
    assert!(!expected.is_empty());
    for (index, expected) in expected.iter().enumerate() {
        let expected: u64 = expected.as_str().unwrap().parse().unwrap();
        let hash = movie_hash(reference_movie(index).view());
        assert_eq!(hash, expected, "movie {index}");
        assert_eq!(fold_of(hash, PUBLISHED_FOLDS) as u64, expected % 7, "movie {index}");
    }
}

#[test]
fn a_movie_shorter_than_five_frames_is_still_hashed() {
    let movie = reference_movie(0);
    let hashes: Vec<u64> = (1..5).map(|n| movie_hash(movie.slice(ndarray::s![..n, .., ..]))).collect();
    assert!(hashes.iter().all(|&hash| hash != 0), "{hashes:?}");
}
