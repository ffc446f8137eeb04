//! How the encoder is being run: to train, with its randomness, or to evaluate.

use std::cell::RefCell;

use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// One run through the encoder.
#[derive(Debug)]
pub struct Pass {
    rng: Option<RefCell<ChaCha8Rng>>,
}

impl Pass {
    /// Running statistics, nothing dropped.
    pub fn evaluation() -> Self {
        Self { rng: None }
    }

    /// Batch statistics; paths and channels are dropped by draws from `rng`.
    pub fn training(rng: ChaCha8Rng) -> Self {
        Self { rng: Some(RefCell::new(rng)) }
    }

    /// Says whether this run trains.
    pub fn is_training(&self) -> bool {
        self.rng.is_some()
    }

    /// Draws which samples keep a path (drop path): what each one's is multiplied by.
    pub fn kept_paths(&self, samples: usize, rate: f64) -> Vec<f32> {
        self.draw(samples, rate).unwrap_or_else(|| vec![1.0; samples])
    }

    /// Drops the whole path of some samples and scales up the others (drop path).
    ///
    /// # Shapes
    /// - `x`, output: `[sample * row, channel]`
    pub fn drop_path(&self, x: Tensor<2>, samples: usize, rate: f64) -> Tensor<2> {
        let [rows, channels] = x.dims();
        match self.mask([samples, 1], rate, &x.device()) {
            Some(mask) => (x.reshape([samples, rows / samples * channels]) * mask).reshape([rows, channels]),
            None => x,
        }
    }

    /// Drops whole channels of a sample, alike over time, and scales up the others.
    ///
    /// # Shapes
    /// - `x`, output: `[sample * row, channel]`
    pub fn drop_channels(&self, x: Tensor<2>, samples: usize, rate: f64) -> Tensor<2> {
        let [rows, channels] = x.dims();
        match self.mask([samples, channels], rate, &x.device()) {
            Some(mask) => {
                let x = x.reshape([samples, rows / samples, channels]);
                (x * mask.unsqueeze_dim::<3>(1)).reshape([rows, channels])
            }
            None => x,
        }
    }

    /// Draws standard normal values; nothing while evaluating.
    pub fn noise<const D: usize>(&self, shape: [usize; D], device: &Device) -> Option<Tensor<D>> {
        let mut rng = self.rng.as_ref()?.borrow_mut();
        let values = (0..shape.iter().product()).map(|_| StandardNormal.sample(&mut *rng));
        let values: Vec<f32> = values.collect();
        Some(Tensor::from_data(TensorData::new(values, shape), device))
    }

    fn mask(&self, shape: [usize; 2], rate: f64, device: &Device) -> Option<Tensor<2>> {
        let values = self.draw(shape[0] * shape[1], rate)?;
        Some(Tensor::from_data(TensorData::new(values, shape), device))
    }

    /// Draws 0 with probability `rate`, else 1 / (1 - rate); nothing while evaluating.
    fn draw(&self, count: usize, rate: f64) -> Option<Vec<f32>> {
        let rng = self.rng.as_ref().filter(|_| rate > 0.0)?;
        let mut rng = rng.borrow_mut();
        let kept = (1.0 / (1.0 - rate)) as f32;
        Some((0..count).map(|_| if rng.random_bool(rate) { 0.0 } else { kept }).collect())
    }
}
