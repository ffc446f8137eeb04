//! How long does a step of the training take: forward, backward, AdamW, moving average? Against PyTorch.

mod support;

use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use support::{Answer, Size, checkpoint, demo, paper, read};
use v1reel::model::{DwiseNeuro, ModelConfig, tensors};
use v1reel::train::{Schedule, Targets, TrainConfig, Trainer, TrainingBatch};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // Nothing is dropped, so that losses can be compared.
    let whole = |config: ModelConfig| ModelConfig { drop_rate: 0.0, drop_path_rate: 0.0, ..config };
    let sizes = [
        Size {
            name: "paper",
            config: whole(paper()),
            clip: [16, 64, 64],
            clips: 8,
            peer_batch: 8,
            rounds: 2,
            per: 1,
            long: false,
            // The published way needs 20 GB.
            alone: true,
        },
        Size {
            name: "demo",
            config: whole(demo()),
            clip: [16, 12, 20],
            clips: 16,
            peer_batch: 16,
            rounds: 10,
            per: 1,
            long: false,
            alone: false,
        },
    ];
    support::main("training_step", &sizes, &["published"], |folder, _| ours(folder));
}

fn ours(folder: &Path) -> Box<dyn FnMut() -> Answer> {
    let device = support::device();
    let encoder = DwiseNeuro::load(checkpoint(folder), &device.clone().autodiff()).expect("an encoder");
    let config = TrainConfig::default();
    // Hardly a step, so that the loss stays comparable from round to round.
    let rng = ChaCha8Rng::seed_from_u64(0);
    let mut trainer = Trainer::new(encoder, &config, Schedule::constant(1e-6), rng);
    let (shape, input) = read(&folder.join("input.npy"));
    let (target_shape, target) = read(&folder.join("target.npy"));
    let clips = shape[0];
    Box::new(move || {
        let batch = TrainingBatch {
            input: Tensor::<5>::from_data(TensorData::new(input.clone(), shape.clone()), &device),
            targets: vec![Targets {
                mouse: 0,
                samples: (0..clips).collect(),
                weights: vec![1.0 / clips as f32; clips],
                responses: Tensor::from_data(TensorData::new(target.clone(), target_shape.clone()), &device),
            }],
        };
        let stats = trainer.step(batch);
        Answer { outputs: tensors::values(stats.loss), gradient: Vec::new() }
    })
}
