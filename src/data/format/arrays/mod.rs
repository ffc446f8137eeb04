//! Makes a mouse of plain arrays in `.npy` files, as labs keep their own recordings: movies or still images, and
//! responses to them.

mod images;
mod import;
mod movies;
mod stack;

pub use import::{ArrayFiles, ArraysImported, Stimulus, import_arrays};
