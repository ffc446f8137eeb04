//! Asks a trained ensemble, in silico, what its neurons see: made-up movies go in, predicted responses come out. Where
//! each neuron looks, what it prefers, and what all of them together resolve.
//!
//! Directions are those of motion in the picture: 0 degrees is rightward, 90 degrees downward, as rows are counted.

pub mod agreement;
pub mod config;
mod gaussian_fit;
pub mod mask;
pub mod presentation;
pub mod receptive_field;
pub mod resolution;
pub mod stimulus;
mod store;
pub mod table;
pub mod tuning;

pub use config::ProbeConfig;
pub use presentation::Presentation;
pub use receptive_field::ReceptiveFields;
pub use stimulus::{Light, Polarity};
pub use tuning::{GratingResponses, Tuning};
