//! What a running stage tells its observer. The library never prints; whoever draws bars or writes
//! `log.jsonl` listens here.

mod glimpse;

use std::sync::Arc;

pub use glimpse::{Finish, Glimpse, Scene};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A task of known length begins, e.g. `train member 2`.
    Started {
        /// What is being done; also names the task in later events.
        task: String,
        /// Number of steps it will take.
        steps: u64,
        /// What a step is, in the plural: "steps", "trials", "iterations".
        unit: &'static str,
    },
    /// A task moved on.
    Progress {
        /// Name given at [`Event::Started`].
        task: String,
        /// Steps done so far.
        step: u64,
        /// Loss at this step, when it was read back.
        loss: Option<f64>,
    },
    /// A task ended well.
    Finished {
        /// Name given at [`Event::Started`].
        task: String,
    },
    /// Something the user should read, said once.
    Note {
        /// One line.
        message: String,
    },
    /// Something that may spoil the result.
    Warning {
        /// One line.
        message: String,
    },
}

/// Receives events; cheap to call, safe to share between threads.
pub trait Observer: Send + Sync {
    /// Takes note of one event.
    fn emit(&self, event: Event);

    /// Says whether somebody wants to see the movie in work now. Asked after every iteration: the answer must cost
    /// nothing, and mostly is no.
    fn watches(&self) -> bool {
        false
    }

    /// Shows the movie in work; only after [`Observer::watches`] said yes, and once more when the movie is done.
    fn watch(&self, _: Glimpse) {}
}

/// Ignores everything; for tests and library users who don't care.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn emit(&self, _: Event) {}
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn emit(&self, event: Event) {
        (**self).emit(event);
    }

    fn watches(&self) -> bool {
        (**self).watches()
    }

    fn watch(&self, glimpse: Glimpse) {
        (**self).watch(glimpse);
    }
}
