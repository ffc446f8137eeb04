//! What random encoders need to be like trained ones: without it pixels of 0 to 255 drive everything behind the stem
//! to where rounding decides.

use v1reel::model::checkpoint::Checkpoint;

/// Gives the stem's batch norm the statistics of what it will see, as training would.
pub fn fit_stem(checkpoint: &mut Checkpoint) {
    let channels = checkpoint.config.in_channels;
    let weights = checkpoint.tensors["core.stem.conv.weight"].values.clone();
    // Uniform in 0..255, and in 0..5.
    let moments = |i: usize| if i == 0 { (127.5, 255.0 * 255.0 / 12.0) } else { (2.5, 25.0 / 12.0) };
    let sum = |row: &[f32], of: &dyn Fn(f32, (f32, f32)) -> f32| {
        row.iter().enumerate().map(|(i, &w)| of(w, moments(i))).sum::<f32>()
    };
    let mut set = |field: &str, of: &dyn Fn(f32, (f32, f32)) -> f32| {
        let name = format!("core.stem.norm.{field}");
        let values = weights.chunks(channels).map(|row| sum(row, of)).collect();
        checkpoint.tensors.get_mut(&name).expect("a stem").values = values;
    };
    set("running_mean", &|w, (mean, _)| w * mean);
    set("running_var", &|w, (_, variance)| w * w * variance);
}
