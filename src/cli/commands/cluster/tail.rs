//! Remembers the end of what was said, for the report on a task that failed.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::event::{Event, Observer};

/// Lines that are remembered.
const LINES: usize = 12;

/// An observer with a short memory.
#[derive(Debug, Default)]
pub struct Tail(Mutex<VecDeque<String>>);

impl Tail {
    /// Takes what is remembered; from now on it is empty.
    pub fn take(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}

impl Observer for Tail {
    fn emit(&self, event: Event) {
        let (line, same) = match event {
            Event::Started { task, steps, unit } => (format!("{task}: started, {steps} {unit}"), None),
            Event::Progress { task, step, loss } => {
                let start = format!("{task}: step ");
                let loss = loss.map(|loss| format!(", loss {loss}")).unwrap_or_default();
                (format!("{start}{step}{loss}"), Some(start))
            }
            Event::Finished { task } => (format!("{task}: done"), None),
            Event::Note { message } => (message, None),
            Event::Warning { message } => (format!("warning: {message}"), None),
        };
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Of steps the last is enough.
        if same.is_some_and(|start| lines.back().is_some_and(|last| last.starts_with(&start))) {
            lines.pop_back();
        }
        lines.push_back(line);
        if lines.len() > LINES {
            lines.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_stay_and_of_steps_the_last() {
        let tail = Tail::default();
        for step in 0..100 {
            tail.emit(Event::Progress { task: "train".into(), step, loss: Some(0.5) });
        }
        tail.emit(Event::Note { message: "hello".into() });
        assert_eq!(tail.take(), ["train: step 99, loss 0.5", "hello"]);
        (0..50).for_each(|k| tail.emit(Event::Finished { task: k.to_string() }));
        let lines = tail.take();
        assert_eq!((lines.len(), lines[LINES - 1].as_str()), (LINES, "49: done"));
    }
}
