//! Slurm: job arrays from a plan, one a stage, and what the queue says of them.

pub mod array;
pub mod client;
pub mod script;
pub mod submission;
