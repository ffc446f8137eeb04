//! Scores saved reconstructions, each beside its controls, and the encoders behind them.

pub mod controls;
pub mod course;
pub mod response_table;
pub mod responses;
pub mod scores;
pub mod summary;
pub mod table;

pub use controls::Controls;
pub use scores::Scores;
pub use table::TrialScore;
