//! What workers computed, which must agree before anything is timed.

use std::path::Path;

use super::Size;

/// What a run gave: responses and gradients, to be compared; empty when there are none.
#[derive(Debug, Default)]
pub struct Answer {
    /// `[clip, neuron, time]`, or a loss.
    pub outputs: Vec<f32>,
    /// To the movie, `[clip, time, height, width]`.
    pub gradient: Vec<f32>,
}

/// Reads an array that a worker wrote.
pub fn read(path: &Path) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = npyz::NpyFile::new(&bytes[..]).expect("an array");
    let shape = file.shape().iter().map(|&n| n as usize).collect();
    (shape, file.into_vec().expect("numbers of 32 bits"))
}

/// Panics unless a peer computed what we did: a faster way to something else is no peer.
pub fn compare(folder: &Path, way: &str, size: &Size) {
    // What reduced precision leaves of 7 digits.
    let slack = if way.ends_with("bf16") {
        300.0
    } else if way.ends_with("tf32") {
        30.0
    } else {
        1.0
    };
    let (_, ours) = read(&folder.join("ours_outputs.npy"));
    let (_, theirs) = read(&folder.join(format!("{way}_outputs.npy")));
    assert_agree(&format!("outputs, {way}"), &ours, &theirs, slack * 1e-4);
    let path = folder.join(format!("{way}_gradients.npy"));
    if path.exists() {
        let (_, ours) = read(&folder.join("ours_gradients.npy"));
        let (_, theirs) = read(&path);
        let (channels, frames) = (size.config.in_channels, size.clip.iter().product::<usize>());
        let movie: Vec<f32> =
            theirs.chunks(channels * frames).flat_map(|clip| clip[..frames].to_vec()).collect();
        assert_agree(&format!("gradient, {way}"), &ours, &movie, slack * 1e-3);
    }
}

fn assert_agree(what: &str, a: &[f32], b: &[f32], tolerance: f64) {
    assert_eq!(a.len(), b.len(), "{what}");
    let norm: f64 = b.iter().map(|&v| f64::from(v).powi(2)).sum();
    let difference: f64 = a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    let error = (difference / norm).sqrt();
    assert!(error < tolerance, "{what}: ours differs by {error} of the norm; nothing is timed");
}
