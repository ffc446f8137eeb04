//! Trains one member of the ensemble on one or several mice.

pub mod adamw;
pub mod checkpoint;
pub mod config;
pub mod course;
pub mod distill;
pub mod ema;
pub mod losses;
pub mod member;
pub mod schedule;
pub mod start;
pub mod trainer;
pub mod validate;

pub use config::TrainConfig;
pub use member::{MemberPlan, SplitMouse};
pub use schedule::Schedule;
pub use trainer::{StepStats, Targets, Trainer, TrainerPosition, TrainingBatch};
