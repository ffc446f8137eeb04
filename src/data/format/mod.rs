//! Storage formats of recordings.
