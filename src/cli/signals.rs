//! Turns Ctrl-C, SIGTERM and SIGUSR1 into a wish to stop, so that a cluster that takes its machine back, or a
//! user who does, loses no step.

use std::io;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::stop::Stop;

/// Signals that ask to stop.
const ASKING: [i32; 3] = [SIGINT, SIGTERM, SIGUSR1];

/// From now on the signals ask `stop`, and `observer` is told. A second Ctrl-C ends the process at once, also
/// when the step in work never ends.
///
/// # Errors
/// [`Error::Failed`] when the system refuses.
pub fn heed(stop: &Stop, observer: impl Observer + 'static) -> Result<()> {
    let refused = |e: io::Error| Error::Failed(format!("can't wait for signals: {e}"));
    // First, because handlers run in this order: this one must find the flag as earlier signals left it.
    flag::register_conditional_default(SIGINT, stop.flag()).map_err(refused)?;
    for signal in ASKING {
        flag::register(signal, stop.flag()).map_err(refused)?;
    }
    let mut signals = Signals::new(ASKING).map_err(refused)?;
    thread::spawn(move || {
        // Handlers may do next to nothing; what is said is said here.
        if signals.forever().next().is_some() {
            let message = "stopping after the step in work; Ctrl-C ends at once".to_string();
            observer.emit(Event::Note { message });
        }
    });
    Ok(())
}
