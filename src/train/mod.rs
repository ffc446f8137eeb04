//! Trains one member of the ensemble on one or several mice.

pub mod config;

pub use config::TrainConfig;
