//! The exponential moving average of parameters and buffers: the model that training ends with.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use crate::model::checkpoint::{NamedTensor, Tensors};
use crate::model::{DwiseNeuro, tensors};

/// A running average of an encoder; starts as a copy, without warm-up.
#[derive(Debug)]
pub struct Ema {
    decay: f64,
    average: BTreeMap<String, (Vec<usize>, Tensor<1>)>,
}

impl Ema {
    /// Starts as a copy of `encoder`.
    pub fn new(encoder: &DwiseNeuro, decay: f64) -> Self {
        Self { decay, average: tensors::flat(encoder) }
    }

    /// Moves the average towards `encoder`, of the tensors that learn; after every step.
    pub fn update(&mut self, encoder: &DwiseNeuro, learns: impl Fn(&str) -> bool) {
        // Without a move: to average equal values would round them.
        for (name, (_, new)) in tensors::flat(encoder).into_iter().filter(|(name, _)| learns(name)) {
            let (_, average) = self.average.get_mut(&name).expect("an encoder keeps its tensors");
            *average = average.clone() * self.decay + new * (1.0 - self.decay);
        }
    }

    /// Reads the average back.
    pub fn export(&self) -> Tensors {
        self.average
            .iter()
            .map(|(name, (shape, tensor))| {
                (name.clone(), NamedTensor { shape: shape.clone(), values: tensors::values(tensor.clone()) })
            })
            .collect()
    }
}
