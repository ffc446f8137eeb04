//! The way between the encoder's parameters and named arrays.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::checkpoint::{Checkpoint, NamedTensor, Tensors};
use crate::error::Result;

/// Takes tensor `name` out of a checkpoint and puts it on a device.
///
/// # Errors
/// When it is missing. Its shape was compared with the sizes of the encoder when the checkpoint was made.
pub fn take<const D: usize>(source: &mut Checkpoint, name: &str, device: &Device) -> Result<Tensor<D>> {
    let NamedTensor { shape, values } = source.take(name)?;
    Ok(Tensor::from_data(TensorData::new(values, shape), device))
}

/// Reads a tensor back, row-major.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("v1reel computes in f32")
}

/// Lists every parameter and buffer of a module by its path, flat, without autodiff.
pub fn flat<M: Module>(module: &M) -> BTreeMap<String, (Vec<usize>, Tensor<1>)> {
    let mut visitor = Collect { path: Vec::new(), found: BTreeMap::new() };
    // `valid` brings running statistics up to date and leaves autodiff.
    module.valid().visit(&mut visitor);
    visitor.found
}

/// Reads every parameter and buffer of a module back to named arrays.
pub fn export<M: Module>(module: &M) -> Tensors {
    flat(module)
        .into_iter()
        .map(|(name, (shape, tensor))| (name, NamedTensor { shape, values: values(tensor) }))
        .collect()
}

struct Collect {
    path: Vec<String>,
    found: BTreeMap<String, (Vec<usize>, Tensor<1>)>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, container: &str) {
        if !is_enum(container) {
            self.path.push(name.to_string());
        }
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        if !is_enum(container) {
            self.path.pop();
        }
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let shape = tensor.dims().to_vec();
        let size: usize = shape.iter().product();
        self.found.insert(self.path.join("."), (shape, tensor.reshape([size])));
    }
}

/// Says whether a part of a module is the variant of an enum, which names no tensor: which one it is follows
/// from the encoder's settings.
pub(crate) fn is_enum(container: &str) -> bool {
    container.starts_with("Enum:")
}
