//! The commands, one file each: each takes its arguments, runs library stages, prints what came out.

pub mod ablate;
pub mod causality;
pub mod cluster;
pub mod compare;
pub mod convert;
pub mod decode;
pub mod demo;
pub mod evaluate;
pub mod export;
pub mod from_arrays;
pub mod import;
pub mod inspect;
pub mod mask;
pub mod nwb;
pub mod predict;
pub mod probe;
pub mod reconstruct;
pub mod reference;
pub mod report;
pub mod show;
pub mod simulate;
pub mod train;
pub mod validate;
pub mod verify;
