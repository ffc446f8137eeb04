//! Asks a running stage to end soon: it finishes the step in work, saves what it can go on from and returns.
//! The library knows no signals; whoever catches one sets this.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// A wish that all who hold a clone see. Starts unset and is never taken back.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks all holders to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Says whether somebody asked to stop.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Ends a stage that has nothing to save; to be called between its steps.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when somebody asked to stop.
    pub fn check(&self) -> Result<()> {
        if self.is_requested() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// The bare flag, for a signal handler: it can do no more than set it.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_seen_by_every_clone_and_through_the_flag() {
        let stop = Stop::default();
        let other = stop.clone();
        assert!(other.check().is_ok());
        stop.flag().store(true, Ordering::Relaxed);
        assert!(other.is_requested());
        assert!(matches!(other.check(), Err(Error::Interrupted)));
    }
}
