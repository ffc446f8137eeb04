//! What was measured, as a table.

use v1reel::model::ModelConfig;

use super::Size;
use super::workers::Worker;

/// Prints a line for each worker: its times and memory.
pub fn table(bench: &str, size: &Size, workers: &[Worker], seconds: &[Vec<f64>], rounds: usize) {
    let of = if size.per > 1 { ", for one clip" } else { "" };
    // Forward; to the input; to the weights.
    let passes = match bench {
        "prediction" => 1.0,
        "movie_gradient" => 2.0,
        _ => 3.0,
    };
    let work = passes * (size.clips / size.per) as f64 * products_gflop(size);
    println!("\n{} ({} clips{of}; {rounds} rounds in turn)", size.name, size.clips);
    println!(
        "{:<14} {:>10} {:>10} {:>10} {:>10} {:>14}",
        "", "median s", "least s", "most s", "GFLOP/s", "peak memory MB"
    );
    for (worker, seconds) in workers.iter().zip(seconds) {
        let least = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = seconds.iter().copied().fold(0.0, f64::max);
        let middle = middle(seconds);
        println!(
            "{:<14} {middle:>10.4} {least:>10.4} {most:>10.4} {:>10.0} {:>14.0}",
            worker.name,
            work / middle,
            worker.peak_rss_mb
        );
    }
}

/// Floating-point operations, in 10^9, of a clip's pointwise products in the core, forward: of what a clip
/// costs, the part that no encoder can leave out.
fn products_gflop(size: &Size) -> f64 {
    let ModelConfig { core_features: widths, spatial_strides: strides, expansion_ratio, .. } = &size.config;
    let [time, mut height, mut width] = size.clip;
    let mut sum = 0;
    for (index, (&features, &stride)) in widths.iter().zip(strides).enumerate() {
        let inner = features * expansion_ratio;
        sum += time * height * width * features * inner;
        (height, width) = (height.div_ceil(stride), width.div_ceil(stride));
        sum += time * height * width * inner * widths.get(index + 1).unwrap_or(&features);
    }
    2e-9 * sum as f64
}

/// The median.
pub fn middle(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

/// Processor, threads and version.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        info.lines()
            .find(|l| l.starts_with(name))
            .and_then(|l| l.split(": ").nth(1))
            .unwrap_or("?")
            .to_string()
    };
    format!(
        "{}, {} threads, v1reel {}",
        field("model name"),
        rayon::current_num_threads(),
        env!("CARGO_PKG_VERSION")
    )
}
