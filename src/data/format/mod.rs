//! Storage formats of recordings.

pub mod arrays;
mod checks;
pub mod hdf5;
pub mod npy_array;
pub mod npy_header;
pub mod npy_tree;
pub mod nwb;
mod values;

pub(crate) use values::transpose;
