//! Scores saved reconstructions, each beside its controls.

pub mod controls;
pub mod scores;
pub mod table;

pub use controls::Controls;
pub use scores::Scores;
pub use table::TrialScore;
