//! A run on many machines: its tasks and what they cost, who works on which, and Slurm to do it.
//!
//! Nothing here computes a result. A task is a piece of what the plain commands do (`v1reel train`, `mask`,
//! `reconstruct`, ...), and the files of a run say which are done.

pub mod claim;
pub mod cost;
pub mod holder;
pub mod journal;
pub mod places;
pub mod plan;
pub mod pool;
pub mod recording;
pub mod slurm;
pub mod status;
pub mod task;
