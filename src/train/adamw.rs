//! AdamW with its moments kept by the parameters' names. burn keeps them by numbers that every process draws
//! anew, by which a training that goes on in another process would not find them again.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, GradientsParams, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};

use super::config::TrainConfig;
use crate::model::checkpoint::{NamedTensor, Tensors};
use crate::model::tensors;

/// Flat tensors with their shapes, by name.
pub type FlatTensors = BTreeMap<String, (Vec<usize>, Tensor<1>)>;

/// Says under which names the moments of a parameter are kept.
const MOMENTS: [&str; 2] = ["first_moment", "second_moment"];

/// The rule and what it remembers of every parameter that ever had a gradient.
pub struct NamedAdamW {
    rule: AdamW,
    remembered: BTreeMap<String, AdamWState<1>>,
}

impl NamedAdamW {
    /// Starts without memory.
    pub fn new(config: &TrainConfig) -> Self {
        let rule = AdamWConfig::new()
            .with_beta_1(0.9)
            .with_beta_2(0.999)
            .with_epsilon(1e-8)
            .with_weight_decay(config.weight_decay as f32)
            .build();
        Self { rule, remembered: BTreeMap::new() }
    }

    /// Moves the parameters that have a gradient and leaves the others alone: no decay, no moments, no step
    /// of their count.
    pub fn step<M: Module>(&mut self, rate: f64, module: M, gradients: GradientsParams) -> M {
        module.map(&mut Mapper { optimizer: self, rate, gradients, path: Vec::new() })
    }

    /// Lists the moments, as `first_moment.<parameter>` and `second_moment.<parameter>`.
    pub fn moments(&self) -> FlatTensors {
        let named = self.remembered.iter().flat_map(|(name, AdamWState { momentum })| {
            let moments = [&momentum.moment_1, &momentum.moment_2];
            MOMENTS.iter().zip(moments).map(move |(part, moment)| {
                (format!("{part}.{name}"), (moment.dims().to_vec(), moment.clone()))
            })
        });
        named.collect()
    }

    /// Counts the steps of each parameter that ever had a gradient.
    pub fn steps(&self) -> BTreeMap<String, u64> {
        let steps = |state: &AdamWState<1>| state.momentum.time as u64;
        self.remembered.iter().map(|(name, state)| (name.clone(), steps(state))).collect()
    }

    /// Takes out of `saved` what [`NamedAdamW::moments`] listed, with the counts of
    /// [`NamedAdamW::steps`], for parameters of these shapes.
    ///
    /// # Errors
    /// Says what is missing or does not fit.
    pub fn restore(
        &mut self,
        saved: &mut Tensors,
        steps: &BTreeMap<String, u64>,
        parameters: &FlatTensors,
        device: &Device,
    ) -> Result<(), String> {
        self.remembered.clear();
        for (name, &time) in steps {
            let (_, parameter) = parameters.get(name).ok_or(format!("there is no parameter {name}"))?;
            let mut take = |part: &str| {
                let name = format!("{part}.{name}");
                let NamedTensor { values, .. } = saved.remove(&name).ok_or(format!("{name} is missing"))?;
                let [size] = parameter.dims();
                if values.len() != size {
                    return Err(format!("{name} has {} values, expected {size}", values.len()));
                }
                Ok(Tensor::from_data(TensorData::new(values, [size]), device))
            };
            let [first, second] = MOMENTS;
            let momentum = AdaptiveMomentumState::new(time as usize, take(first)?, take(second)?);
            self.remembered.insert(name.clone(), AdamWState::new(momentum));
        }
        Ok(())
    }
}

/// Walks over a module and moves each parameter.
struct Mapper<'a> {
    optimizer: &'a mut NamedAdamW,
    rate: f64,
    gradients: GradientsParams,
    path: Vec<String>,
}

impl ModuleMapper for Mapper<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        if !tensors::is_enum(container) {
            self.path.push(name.to_string());
        }
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        if !tensors::is_enum(container) {
            self.path.pop();
        }
    }

    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = parameter.consume();
        let Some(gradient) = self.gradients.remove::<D>(id) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let (shape, requires_gradient) = (tensor.dims(), tensor.is_require_grad());
        let size = shape.iter().product::<usize>();
        let name = self.path.join(".");
        // Flat, so that the moments of all parameters are kept alike: the rule is element by element.
        let (moved, state) = self.optimizer.rule.step(
            self.rate,
            tensor.inner().reshape([size]),
            gradient.reshape([size]),
            self.optimizer.remembered.remove(&name),
        );
        if let Some(state) = state {
            self.optimizer.remembered.insert(name, state);
        }
        let moved = Tensor::from_inner(moved.reshape(shape)).set_require_grad(requires_gradient);
        Param::from_mapped_value(id, moved, mapper)
    }
}
