//! Simulates a mouse with known answers, in the dataset's own format.
pub mod config;
mod behavior;
mod drift;
mod movie;
mod neuron;
mod schedule;
mod shape;
mod texture;
pub use config::{MovieSource, SimulationConfig};
