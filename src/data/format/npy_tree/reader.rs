//! Reads a mouse from a npy tree.
