//! How long does the gradient of the loss to the movie take? For one clip, and for one iteration of the
//! reconstruction of a 300-frame trial, against PyTorch.
//!
//! `--scaling` instead shows that the cost grows linearly with frames, members and neurons.

mod support;

use std::path::Path;
use std::time::Instant;

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Zip, s};
use rand::Rng;
use support::{Answer, Size, checkpoint, demo, paper, read, runtime};
use v1reel::model::{Clip, Encoder, ModelConfig, loss};
use v1reel::seed;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if std::env::args().any(|a| a == "--scaling") {
        return scaling();
    }
    let sizes = [
        Size {
            name: "paper",
            config: paper(),
            clip: [16, 64, 64],
            clips: 1,
            peer_batch: 1,
            rounds: 5,
            per: 1,
            long: false,
            alone: false,
        },
        // The windows of 32 frames, every 8, of 300 frames are 35; each is two clips.
        Size {
            name: "paper iteration",
            config: paper(),
            clip: [16, 64, 64],
            clips: 70,
            peer_batch: 2,
            rounds: 1,
            per: 1,
            long: true,
            alone: false,
        },
        Size {
            name: "demo",
            config: demo(),
            clip: [16, 12, 20],
            clips: 1,
            peer_batch: 1,
            rounds: 20,
            per: 1,
            long: false,
            alone: false,
        },
        // Every 24: 13 windows.
        Size {
            name: "demo iteration",
            config: demo(),
            clip: [16, 12, 20],
            clips: 26,
            peer_batch: 2,
            rounds: 10,
            per: 1,
            long: false,
            alone: false,
        },
    ];
    support::main("movie_gradient", &sizes, &["published", "best", "compiled"], |folder, _| ours(folder));
}

fn ours(folder: &Path) -> Box<dyn FnMut() -> Answer> {
    let encoder = Encoder::load(checkpoint(folder), &runtime()).expect("an encoder");
    let (clips, targets) = (clips(folder), targets(folder));
    Box::new(move || {
        let found = encoder.gradient(0, &clips, &|number, predicted| slope(predicted, &targets[number]));
        Answer {
            outputs: found
                .iter()
                .flat_map(|clip| clip.responses.t().iter().copied().collect::<Vec<_>>())
                .collect(),
            gradient: found.iter().flat_map(|clip| clip.movie.iter().copied()).collect(),
        }
    })
}

/// The slope of the mean Poisson loss of a clip.
fn slope(predicted: ArrayView2<f32>, target: &Array2<f32>) -> Array2<f32> {
    let count = predicted.len() as f32;
    Zip::from(&predicted).and(target).map_collect(|&p, &r| loss::poisson_slope(p, r) / count)
}

fn clips(folder: &Path) -> Vec<Clip> {
    let (shape, values) = read(&folder.join("input.npy"));
    let [_, channels, time, height, width] = shape[..] else { panic!("five axes") };
    let clip = |values: &[f32]| {
        let all = ArrayView3::from_shape((channels * time, height, width), values).expect("a clip");
        let behavior = all.slice(s![time.., 0, 0]).to_owned();
        let behavior = behavior.to_shape((channels - 1, time)).expect("a row for each channel").to_owned();
        Clip::new(all.slice(s![..time, .., ..]), behavior.view())
    };
    values.chunks(channels * time * height * width).map(clip).collect()
}

/// Of each clip, `[time, neuron]`.
fn targets(folder: &Path) -> Vec<Array2<f32>> {
    let (shape, values) = read(&folder.join("target.npy"));
    let clip =
        |values: &[f32]| ArrayView2::from_shape((shape[1], shape[2]), values).expect("a clip").t().to_owned();
    values.chunks(shape[1] * shape[2]).map(clip).collect()
}

/// Seconds for more frames, members and neurons, and their ratio to the first row.
fn scaling() {
    let mut rng = seed::stream("bench", "inputs", &["scaling"]);
    let clip = Clip::new(
        Array3::from_shape_simple_fn((16, 64, 64), || rng.random_range(0.0..255.0)).view(),
        Array2::from_elem((4, 16), 1.0).view(),
    );
    let seconds = |clips: usize, members: usize, neurons: usize| {
        let config = ModelConfig { readout_outputs: vec![neurons], ..ModelConfig::default() };
        let runtime = runtime();
        let encoders: Vec<Encoder> = (0..members)
            .map(|k| {
                let checkpoint = support::encoder(&config, &format!("scaling {k}"));
                Encoder::load(checkpoint, &runtime).expect("an encoder")
            })
            .collect();
        let clips = vec![clip.clone(); clips];
        let run = || {
            let start = Instant::now();
            for encoder in &encoders {
                encoder.gradient(0, &clips, &|_, predicted| slope(predicted, &Array2::ones(predicted.dim())));
            }
            start.elapsed().as_secs_f64()
        };
        run();
        (0..3).map(|_| run()).fold(f64::INFINITY, f64::min)
    };
    println!("{:<22} {:>9} {:>8} {:>9} {:>8}", "", "frames", "members", "neurons", "seconds");
    let base = [2, 1, 2000];
    let rows = [("frames", 0, [2, 4, 8]), ("members", 1, [1, 2, 4]), ("neurons", 2, [2000, 8000, 32000])];
    for (what, axis, values) in rows {
        for value in values {
            let mut row = base;
            row[axis] = value;
            let seconds = seconds(row[0], row[1], row[2]);
            println!("{what:<22} {:>9} {:>8} {:>9} {seconds:>8.3}", row[0] * 16, row[1], row[2]);
        }
    }
}
