//! What the neurons and the behavior contribute: the same reconstruction and prediction with fewer neurons, or with
//! a behavioral channel altered, compared trial by trial and neuron by neuron.

pub mod behavior;
pub mod config;
pub mod curve;
pub mod effect;
pub mod neurons;
pub mod order;
pub mod prediction;
pub mod summary;
pub mod table;

pub use config::{AblationConfig, Alteration, Keep, Method, Order};

pub use crate::data::Channel;
