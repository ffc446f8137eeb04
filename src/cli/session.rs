//! What every command shares: device, threads, observer, and the folder of a run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use bytesize::ByteSize;
use indicatif::MultiProgress;

use super::args::{ExperimentArgs, GlobalArgs};
use super::audience::Audience;
use super::event_log::{EventLog, Tee};
use super::progress::Progress;
use super::signals;
use crate::atomic;
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::event::Observer;
use crate::experiment::{Experiment, Layer};
use crate::manifest::Manifest;
use crate::stop::Stop;

/// One run of the program.
pub struct Session {
    device: Option<DeviceChoice>,
    memory: ByteSize,
    progress: Arc<Progress>,
    stop: Stop,
}

/// A run's folder, open for a command to work in.
pub struct Run {
    /// The folder.
    pub folder: PathBuf,
    /// Shows events and writes them to the run's `log.jsonl`.
    pub observer: Tee,
    /// Ends the work between two steps.
    pub stop: Stop,
    /// Who watches the movies form.
    pub audience: Audience,
    log: Arc<EventLog>,
}

impl Session {
    /// Takes the arguments of every command into effect.
    ///
    /// # Errors
    /// [`Error::Failed`] when the threads can't be started.
    pub fn new(global: &GlobalArgs) -> Result<Self> {
        if let Some(threads) = global.threads {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads.get())
                .build_global()
                .map_err(|e| Error::Failed(format!("can't start {threads} threads: {e}")))?;
        }
        Ok(Self {
            device: global.device,
            memory: global.memory,
            progress: Arc::new(Progress::stderr(global.quiet)),
            stop: Stop::default(),
        })
    }

    /// Shows events, for commands without a run's folder.
    pub fn observer(&self) -> &dyn Observer {
        &*self.progress
    }

    /// The bars on the terminal, if there are any.
    pub fn bars(&self) -> Option<MultiProgress> {
        self.progress.bars()
    }

    /// Reads the experiment that a command was given, with `--set` and `--device` laid over it.
    ///
    /// # Errors
    /// See [`Experiment::load`].
    pub fn experiment(&self, args: &ExperimentArgs) -> Result<Experiment> {
        let mut experiment = Experiment::load(&args.experiment, &args.set)?;
        experiment.device = self.device.unwrap_or(experiment.device);
        Ok(experiment)
    }

    /// Resolves an experiment from layers, for commands that make their own; `--device` is laid over it.
    ///
    /// # Errors
    /// See [`Experiment::resolve`].
    pub fn resolve(&self, layers: Vec<Layer>, name: &str) -> Result<Experiment> {
        let mut experiment = Experiment::resolve(layers, name)?;
        experiment.device = self.device.unwrap_or(experiment.device);
        Ok(experiment)
    }

    /// Bytes that `--memory` gives to activations.
    pub fn memory(&self) -> usize {
        usize::try_from(self.memory.as_u64()).unwrap_or(usize::MAX)
    }

    /// Opens the device of `--device`, or the CPU.
    ///
    /// # Errors
    /// See [`DeviceChoice::open`].
    pub fn device(&self) -> Result<Device> {
        self.device.unwrap_or_default().open()
    }

    /// Makes or reopens the experiment's run folder: writes `experiment.toml` and `manifest.json`, opens
    /// `log.jsonl`.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder can't be written or a mouse's folder can't be read.
    pub fn open_run(&self, experiment: &Experiment) -> Result<Run> {
        let settings = experiment.to_toml();
        let device = experiment.device.to_string();
        // Before anything is written: a mouse that is missing leaves no run behind.
        let manifest = Manifest::new(&settings, &experiment.seed, &device, &experiment.data.mice)?;
        let folder = experiment.run.clone();
        atomic::write_bytes(&folder.join("experiment.toml"), settings.as_bytes())?;
        manifest.write(&folder.join("manifest.json"))?;
        let log = Arc::new(EventLog::open(&folder.join("log.jsonl"))?);
        let observers: [Arc<dyn Observer>; 2] = [self.progress.clone(), log.clone()];
        Ok(Run {
            folder,
            observer: Tee::new(observers),
            stop: self.stop.clone(),
            audience: Audience::default(),
            log,
        })
    }
}

impl Session {
    /// Opens an experiment's run folder for one process of many that work in it: events go to `log` and `also`, and what
    /// describes the run as a whole is left to the command that started them.
    ///
    /// # Errors
    /// [`Error::Io`] when the log can't be written.
    pub fn open_shared_run(
        &self,
        experiment: &Experiment,
        log: &Path,
        also: Arc<dyn Observer>,
    ) -> Result<Run> {
        let log = Arc::new(EventLog::open(log)?);
        let observers: [Arc<dyn Observer>; 3] = [self.progress.clone(), log.clone(), also];
        let folder = experiment.run.clone();
        Ok(Run {
            folder,
            observer: Tee::new(observers),
            stop: self.stop.clone(),
            audience: Audience::default(),
            log,
        })
    }
}

impl Run {
    /// From now on signals end the work between two steps instead of ending the process.
    ///
    /// # Errors
    /// See [`signals::heed`].
    pub fn heed_signals(&self) -> Result<()> {
        signals::heed(&self.stop, self.observer.clone())
    }

    /// Returns what came out, or what kept the log from being written when nothing worse happened.
    ///
    /// # Errors
    /// The one of `done`, else as [`Run::close`].
    pub fn observer_closed(&self, done: Result<()>) -> Result<()> {
        done.and_then(|()| self.log.finish())
    }

    /// Ends the run's part in this command.
    ///
    /// # Errors
    /// [`Error::Io`] when an event could not be written to the log.
    pub fn close(self) -> Result<()> {
        self.log.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn a_run_folder_says_what_it_was_made_with_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("small.toml");
        std::fs::create_dir(folder.path().join("mouse")).unwrap();
        std::fs::write(&file, "run = \"out\"\n[data]\nmice = [\"mouse\"]\n").unwrap();
        let global = GlobalArgs {
            device: Some(DeviceChoice::Tch(None)),
            threads: None,
            memory: ByteSize::gb(1),
            quiet: true,
        };
        let session = Session::new(&global).unwrap();
        let args = ExperimentArgs { experiment: file, set: vec!["seed=second".into()] };
        let experiment = session.experiment(&args).unwrap();
        let run = session.open_run(&experiment).unwrap();
        assert_eq!(run.folder, folder.path().join("out"));
        run.observer.emit(Event::Note { message: "hello".into() });
        run.close().unwrap();
        let again = Experiment::load(&folder.path().join("out/experiment.toml"), &[]).unwrap();
        assert_eq!(again, experiment);
        let manifest = Manifest::read(&folder.path().join("out/manifest.json")).unwrap();
        assert_eq!((manifest.seed.as_str(), manifest.device.as_str()), ("second", "tch"));
        assert!(std::fs::read_to_string(folder.path().join("out/log.jsonl")).unwrap().contains("hello"));
    }

    #[test]
    fn a_missing_mouse_leaves_no_run_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("small.toml");
        std::fs::write(&file, "run = \"out\"\n[data]\nmice = [\"nobody\"]\n").unwrap();
        let global = GlobalArgs { device: None, threads: None, memory: ByteSize::gb(1), quiet: true };
        let session = Session::new(&global).unwrap();
        let args = ExperimentArgs { experiment: file, set: Vec::new() };
        let experiment = session.experiment(&args).unwrap();
        assert!(session.open_run(&experiment).is_err());
        assert!(!folder.path().join("out").exists());
    }
}
