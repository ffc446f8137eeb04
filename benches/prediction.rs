//! How long does it take to predict responses, without a gradient? Clips of one trial, against PyTorch.

mod support;

use std::path::Path;

use ndarray::{Array2, ArrayView3, s};
use support::{Answer, Size, checkpoint, demo, paper, read, runtime};
use v1reel::model::{Clip, Encoder};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let sizes = [
        // A trial of 300 frames has 270 clips; 8 of them, and the seconds for one.
        Size {
            name: "paper",
            config: paper(),
            clip: [16, 64, 64],
            clips: 8,
            peer_batch: 8,
            rounds: 3,
            per: 8,
            long: false,
            alone: false,
        },
        Size {
            name: "demo trial",
            config: demo(),
            clip: [16, 12, 20],
            clips: 270,
            peer_batch: 16,
            rounds: 5,
            per: 1,
            long: false,
            alone: false,
        },
    ];
    support::main("prediction", &sizes, &["published", "best", "compiled"], |folder, _| ours(folder));
}

fn ours(folder: &Path) -> Box<dyn FnMut() -> Answer> {
    let encoder = Encoder::load(checkpoint(folder), &runtime()).expect("an encoder");
    let (shape, values) = read(&folder.join("input.npy"));
    let [_, channels, time, height, width] = shape[..] else { panic!("five axes") };
    let clip = |values: &[f32]| {
        let all = ArrayView3::from_shape((channels * time, height, width), values).expect("a clip");
        let behavior = all.slice(s![time.., 0, 0]).to_vec();
        let behavior =
            Array2::from_shape_vec((channels - 1, time), behavior).expect("a row for each channel");
        Clip::new(all.slice(s![..time, .., ..]), behavior.view())
    };
    let clips: Vec<Clip> = values.chunks(channels * time * height * width).map(clip).collect();
    Box::new(move || {
        let found = encoder.predict(0, &clips);
        let outputs = found.iter().flat_map(|clip| clip.t().iter().copied().collect::<Vec<_>>()).collect();
        Answer { outputs, gradient: Vec::new() }
    })
}
