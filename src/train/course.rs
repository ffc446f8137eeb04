//! The course of one member's training: epochs of steps, with its state saved now and then, from the start or
//! from where an earlier process stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::checkpoint::{self, Saved, Standing};
use super::distill::Teacher;
use super::losses::Losses;
use super::member::{EpochMetrics, MemberPlan, training_batch, write_csv};
use super::schedule::Schedule;
use super::start;
use super::trainer::Trainer;
use crate::data::batch::{Batch, Loader};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::model::checkpoint::{Checkpoint, Tensors};
use crate::model::{DwiseNeuro, Runtime};
use crate::seed;

/// Losses are read back and shown this often.
const REPORT_EVERY: usize = 10;

/// A member in training.
pub struct Course<'a> {
    plan: &'a MemberPlan<'a>,
    runtime: &'a Runtime,
    observer: &'a dyn Observer,
    /// The member's folder.
    folder: &'a Path,
    settings: String,
    task: String,
    loader: Loader,
    schedule: Schedule,
    trainer: Trainer,
    teacher: Teacher,
    epoch: usize,
    batch: usize,
    losses: Losses,
    metrics: Vec<EpochMetrics>,
    saved_at: Instant,
    /// Step of the state on disk.
    saved_step: Option<u64>,
}

impl<'a> Course<'a> {
    /// Starts, or goes on from the state that `folder` holds.
    ///
    /// # Errors
    /// When a state is damaged or of other settings, or a recording can't be trained on.
    pub fn open(
        plan: &'a MemberPlan<'a>,
        settings: String,
        folder: &'a Path,
        runtime: &'a Runtime,
        observer: &'a dyn Observer,
    ) -> Result<Self> {
        let loader = plan.loader()?;
        let schedule = Schedule::new(plan.train, loader.batches() as u64);
        let path = checkpoint::path(folder);
        checkpoint::clear_leftovers(folder)?;
        let saved = path.exists().then(|| checkpoint::read(&path)).transpose()?;
        let resumed = saved.is_some();
        let (standing, mut tensors) = saved.unwrap_or_default();
        if resumed && standing.settings != settings {
            let problem = "belongs to a training with other settings or data; choose another run folder \
                           (run = ...) or delete it";
            return Err(Error::invalid(&path, problem));
        }
        let trainer = trainer(plan, runtime, &schedule, resumed.then_some(&mut tensors));
        let mut trainer =
            if resumed { trainer.map_err(|e| checkpoint::damaged(&path, &e.to_string()))? } else { trainer? };
        if resumed {
            check(&standing, plan.epochs(), loader.batches())
                .and_then(|()| trainer.restore(&standing.trainer, tensors))
                .map_err(|problem| checkpoint::damaged(&path, &problem))?;
        }
        Ok(Self {
            plan,
            runtime,
            observer,
            folder,
            settings,
            task: format!("train member {}", plan.member),
            loader,
            schedule,
            saved_step: resumed.then(|| trainer.steps()),
            trainer,
            teacher: Teacher::of(plan.train, plan.model, plan.member, &runtime.device)?,
            epoch: standing.epoch,
            batch: standing.batch,
            losses: Losses::of(standing.losses),
            metrics: standing.metrics,
            saved_at: Instant::now(),
        })
    }

    /// Trains to the end and returns the average and what was found on the way.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it was asked to stop: the state is saved then. When data can't be read, a
    /// file can't be written or the loss is no longer finite.
    pub fn run(mut self) -> Result<(Tensors, Vec<EpochMetrics>)> {
        let steps = self.schedule.steps();
        self.observer.emit(Event::Started { task: self.task.clone(), steps, unit: "steps" });
        if let Some(step) = self.saved_step {
            let message = format!("member {} goes on after step {step} of {steps}", self.plan.member);
            self.observer.emit(Event::Note { message });
            self.observer.emit(Event::Progress { task: self.task.clone(), step, loss: None });
        }
        while self.epoch < self.plan.epochs() {
            self.train_epoch()?;
            self.end_epoch()?;
        }
        self.observer.emit(Event::Finished { task: self.task });
        Ok((self.trainer.average(), self.metrics))
    }

    /// Trains on the batches of the epoch that are left.
    fn train_epoch(&mut self) -> Result<()> {
        let mut batches = self.loader.epoch_from(self.epoch, self.batch);
        let interval =
            Duration::try_from_secs_f64(self.plan.train.checkpoint_seconds).unwrap_or(Duration::MAX);
        loop {
            self.stop_if_asked()?;
            let Some(batch) = batches.next() else { return Ok(()) };
            self.step(batch?)?;
            if self.saved_at.elapsed() >= interval {
                self.save()?;
            }
        }
    }

    fn step(&mut self, batch: Batch) -> Result<()> {
        let batch = self.teacher.fill(training_batch(batch, &self.runtime.device));
        let stats = self.trainer.step(batch);
        self.losses.push(stats.loss);
        self.batch += 1;
        let step = self.trainer.steps();
        if !step.is_multiple_of(REPORT_EVERY as u64) {
            return Ok(());
        }
        let loss = self.losses.mean_of_last(REPORT_EVERY);
        self.check(loss)?;
        if let Some(warning) = self.losses.warning(REPORT_EVERY) {
            let message = format!("member {}, step {step}: {warning}", self.plan.member);
            self.observer.emit(Event::Warning { message });
        }
        self.observer.emit(Event::Progress { task: self.task.clone(), step, loss: Some(loss) });
        Ok(())
    }

    /// Validates if it is time to, and writes the metrics.
    fn end_epoch(&mut self) -> Result<()> {
        let training_loss = self.losses.mean_of_last(usize::MAX);
        self.check(training_loss)?;
        // Before validating, which can take long.
        self.save()?;
        let done = self.epoch + 1;
        let due = done == self.plan.epochs() || done.is_multiple_of(self.plan.train.validate_every.max(1));
        let validate = || self.plan.validation(self.trainer.average(), self.runtime);
        let validation_correlation = due.then(validate).transpose()?.flatten();
        let step = self.trainer.steps();
        self.metrics.push(EpochMetrics {
            epoch: done,
            step,
            learning_rate: self.schedule.rate(step.saturating_sub(1)),
            training_loss,
            validation_correlation,
        });
        write_csv(&self.folder.join("metrics.csv"), &self.metrics)?;
        (self.epoch, self.batch, self.losses) = (done, 0, Losses::default());
        Ok(())
    }

    fn stop_if_asked(&mut self) -> Result<()> {
        if !self.plan.stop.is_requested() {
            return Ok(());
        }
        self.save()?;
        let step = self.trainer.steps();
        let message = format!("member {} is saved after step {step}", self.plan.member);
        self.observer.emit(Event::Note { message });
        Err(Error::Interrupted)
    }

    /// Saves where the training stands, unless it is saved already.
    fn save(&mut self) -> Result<()> {
        let step = self.trainer.steps();
        if step == self.saved_step.unwrap_or(0) {
            return Ok(());
        }
        let losses = self.losses.read().to_vec();
        if let Some(&loss) = losses.iter().find(|loss| !loss.is_finite()) {
            return self.check(loss.into());
        }
        let standing = Standing {
            settings: self.settings.clone(),
            epoch: self.epoch,
            batch: self.batch,
            losses,
            metrics: self.metrics.clone(),
            trainer: self.trainer.position(),
        };
        match checkpoint::write(&self.state(), &standing, &self.trainer.tensors())? {
            Saved::Whole => {
                (self.saved_at, self.saved_step) = (Instant::now(), Some(step));
                Ok(())
            }
            Saved::NotFinite(name) => Err(self.diverged(&format!("{name} is no longer finite"))),
        }
    }

    fn state(&self) -> PathBuf {
        checkpoint::path(self.folder)
    }

    fn check(&self, loss: f64) -> Result<()> {
        if loss.is_finite() { Ok(()) } else { Err(self.diverged(&format!("the loss is {loss}"))) }
    }

    /// Says that it makes no sense to go on, and what is left.
    fn diverged(&self, found: &str) -> Error {
        let kept = match self.saved_step {
            Some(step) => {
                format!("its last good state, after step {step}, is kept in {}", self.state().display())
            }
            None => "nothing was saved".into(),
        };
        let (member, step) = (self.plan.member, self.trainer.steps());
        Error::Failed(format!(
            "member {member}: {found} at step {step}; {kept}; the same command would come to the same end: try a \
             smaller train.learning_rate_per_4 in another run folder"
        ))
    }
}

/// Makes a trainer of the first weights or of saved ones.
fn trainer(
    plan: &MemberPlan<'_>,
    runtime: &Runtime,
    schedule: &Schedule,
    saved: Option<&mut Tensors>,
) -> Result<Trainer> {
    let member = format!("member {}", plan.member);
    let weights = match saved {
        Some(saved) => Checkpoint::new(plan.model.clone(), BTreeMap::new(), Trainer::encoder_of(saved)),
        None => start::initialize(plan.model, plan.train, plan.mice, plan.seed, plan.member)?,
    };
    let encoder = DwiseNeuro::load(weights, &runtime.device.clone().autodiff())?;
    let dropout = seed::stream(plan.seed, "dropout", &[&member]);
    Ok(Trainer::new(encoder, plan.train, schedule.clone(), dropout))
}

/// Checks that the numbers of a saved state fit each other and the plan.
fn check(standing: &Standing, epochs: usize, batches: usize) -> Result<(), String> {
    let Standing { epoch, batch, losses, metrics, trainer, .. } = standing;
    let steps = epoch.saturating_mul(batches).saturating_add(*batch) as u64;
    let fits = *epoch < epochs && *batch <= batches && trainer.step == steps;
    if fits && losses.len() == *batch && metrics.len() == *epoch {
        return Ok(());
    }
    Err(format!(
        "epoch {epoch} of {epochs}, batch {batch} of {batches}, step {}, {} losses and {} epochs' metrics don't \
         fit each other",
        trainer.step,
        losses.len(),
        metrics.len()
    ))
}
