//! Keeps what happened: appends every event to `log.jsonl` of the run, one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::event::{Event, Glimpse, Observer};

/// An observer that appends to a file. Appends, unlike everything else a run writes: a run that was killed
/// and goes on has one log.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    failure: Option<io::Error>,
}

#[derive(Serialize)]
struct Line<'a> {
    /// Since this process opened the log.
    seconds: f64,
    #[serde(flatten)]
    event: &'a Event,
}

impl EventLog {
    /// Opens `path` to append to, and makes it when there is none.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be written.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || {
            let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
            end_torn_line(&mut file)?;
            Ok(file)
        };
        let state = State { file: open().map_err(Error::io(path))?, failure: None };
        Ok(Self { path: path.to_path_buf(), started: Instant::now(), state: Mutex::new(state) })
    }

    /// Says whether everything could be written.
    ///
    /// # Errors
    /// The first [`Error::Io`] that an event met; later events were not written.
    pub fn finish(&self) -> Result<()> {
        let failure = self.state.lock().unwrap_or_else(PoisonError::into_inner).failure.take();
        failure.map_or(Ok(()), |source| Err(Error::io(&self.path)(source)))
    }
}

impl Observer for EventLog {
    fn emit(&self, event: Event) {
        let line = Line { seconds: self.started.elapsed().as_secs_f64(), event: &event };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failure.is_some() {
            return;
        }
        // One write for the whole line: a killed process leaves at most its last line torn.
        let written = serde_json::to_string(&line)
            .map_err(io::Error::from)
            .and_then(|text| state.file.write_all(format!("{text}\n").as_bytes()));
        state.failure = written.err();
    }
}

/// Ends a line that a killed process may have left half-written.
fn end_torn_line(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}

/// Hands every event to several observers.
#[derive(Clone, Default)]
pub struct Tee(Vec<Arc<dyn Observer>>);

impl Tee {
    /// Joins `observers`; each is told in this order.
    pub fn new(observers: impl IntoIterator<Item = Arc<dyn Observer>>) -> Self {
        Self(observers.into_iter().collect())
    }

    /// Tells one more observer from now on.
    pub fn join(&mut self, observer: Arc<dyn Observer>) {
        self.0.push(observer);
    }
}

impl Observer for Tee {
    fn emit(&self, event: Event) {
        for observer in &self.0 {
            observer.emit(event.clone());
        }
    }

    fn watches(&self) -> bool {
        self.0.iter().any(|observer| observer.watches())
    }

    fn watch(&self, glimpse: Glimpse) {
        for observer in &self.0 {
            observer.watch(glimpse.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(task: &str) -> Event {
        Event::Finished { task: task.into() }
    }

    #[test]
    fn a_log_goes_on_after_a_torn_line_and_every_observer_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        EventLog::open(&path).unwrap().emit(finished("train member 0"));
        let mut torn = std::fs::read_to_string(&path).unwrap();
        torn.push_str("{\"seconds\":0.");
        std::fs::write(&path, torn).unwrap();
        let log = Arc::new(EventLog::open(&path).unwrap());
        Tee::new([log.clone() as Arc<dyn Observer>, log.clone()]).emit(finished("mask"));
        log.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let tasks: Vec<Option<String>> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .map(|line| line.map(|value| value["task"].as_str().unwrap().to_string()))
            .collect();
        let mask = Some("mask".to_string());
        assert_eq!(tasks, [Some("train member 0".to_string()), None, mask.clone(), mask]);
    }

    #[test]
    fn a_loss_that_is_not_a_number_leaves_a_readable_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let log = EventLog::open(&path).unwrap();
        log.emit(Event::Progress { task: "train".into(), step: 3, loss: Some(f64::NAN) });
        log.finish().unwrap();
        let line: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!((line["step"].as_u64(), line["loss"].is_null()), (Some(3), true));
    }

    #[test]
    fn a_log_that_cannot_be_opened_is_an_error_that_names_it() {
        let error = EventLog::open(Path::new("/nowhere/log.jsonl")).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/log.jsonl: "), "{error}");
    }
}
