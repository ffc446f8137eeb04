//! The exponential moving average of parameters and buffers: the model that training ends with.

use burn::tensor::{Tensor, TensorData};

use super::adamw::FlatTensors;
use crate::model::checkpoint::{NamedTensor, Tensors};
use crate::model::{DwiseNeuro, tensors};

/// A running average of an encoder; starts as a copy, without warm-up.
#[derive(Debug)]
pub struct Ema {
    decay: f64,
    average: FlatTensors,
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

    /// The average as it stands.
    pub fn tensors(&self) -> &FlatTensors {
        &self.average
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

    /// Goes on from what [`Ema::export`] returned.
    ///
    /// # Errors
    /// Says what is missing, left over or of another shape.
    pub fn restore(&mut self, mut saved: Tensors) -> Result<(), String> {
        for (name, (shape, tensor)) in &mut self.average {
            let found = saved.remove(name).ok_or(format!("the average of {name} is missing"))?;
            if found.shape != *shape {
                return Err(format!("the average of {name} has shape {:?}, expected {shape:?}", found.shape));
            }
            let data = TensorData::new(found.values, tensor.dims());
            *tensor = Tensor::from_data(data, &tensor.device());
        }
        saved.into_keys().next().map_or(Ok(()), |name| Err(format!("there is no tensor {name} to average")))
    }
}
