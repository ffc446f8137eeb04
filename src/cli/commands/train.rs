//! `v1reel train`: fits the members of the ensemble.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::cli::args::model::TrainArgs;
use crate::cli::machine;
use crate::cli::output;
use crate::cli::session::{Run, Session};
use crate::cli::table::Table;
use crate::cli::workspace::Workspace;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::model::ModelConfig;
use crate::model::memory::TrainingMemory;
use crate::report::plot::{Line, Panel, write_plot};
use crate::stop::Stop;
use crate::train::member::{EpochMetrics, read_csv};
use crate::train::{MemberPlan, SplitMouse};

/// Which members are trained, and how many side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    members: Vec<usize>,
    jobs: usize,
}

impl Choice {
    /// All members of the experiment, one a thread as far as the memory goes: a member alone does not keep two
    /// threads busy.
    ///
    /// # Errors
    /// When the sizes don't fit together.
    pub fn all(workspace: &Workspace) -> Result<Self> {
        let members = workspace.experiment.members;
        let fit = fitting(need(workspace)?, machine::available_memory());
        Ok(Self { members: (0..members).collect(), jobs: rayon::current_num_threads().min(members).min(fit) })
    }

    /// What the command line chose.
    ///
    /// # Errors
    /// [`Error::Usage`] when the experiment has no such member.
    fn of(args: &TrainArgs, workspace: &Workspace) -> Result<Self> {
        let all = Self::all(workspace)?;
        let members = args.members.as_ref().map_or(all.members, |list| list.0.clone());
        let count = workspace.experiment.members;
        if let Some(other) = members.iter().find(|&&member| member >= count) {
            return Err(Error::usage(format!(
                "--members: there is no member {other}; ensemble.members is {count}, they count from 0"
            )));
        }
        let jobs = args.jobs.map_or(all.jobs, NonZeroUsize::get).min(members.len());
        Ok(Self { members, jobs })
    }
}

/// Bytes that a member in training needs.
fn need(workspace: &Workspace) -> Result<u64> {
    let experiment = &workspace.experiment;
    let [height, width] = experiment.input_size;
    let clip = [experiment.clip.size, height, width];
    Ok(TrainingMemory::of(&workspace.model()?, experiment.train.batch_size, clip).total())
}

/// Counts the members that can be trained side by side; one is always tried.
fn fitting(need: u64, available: Option<u64>) -> usize {
    let fit = available.map_or(u64::MAX, |available| available / need.max(1));
    usize::try_from(fit).unwrap_or(usize::MAX).max(1)
}

/// Warns when the members in training will need more memory than there is.
fn warn_of_memory(workspace: &Workspace, run: &Run, jobs: usize) -> Result<()> {
    let (need, available) = (need(workspace)?, machine::available_memory());
    if jobs > fitting(need, available) || available.is_some_and(|available| need > available) {
        let size = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
        let message = format!(
            "training needs about {} for each of {jobs} at once, {} are free; a smaller train.batch_size (now {}) \
             or --jobs needs less",
            size(need),
            size(available.unwrap_or(0)),
            workspace.experiment.train.batch_size
        );
        run.observer.emit(Event::Warning { message });
    }
    Ok(())
}

/// Trains the ensemble.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(args: &TrainArgs, session: &Session) -> Result<()> {
    let workspace = Workspace::open(session.experiment(&args.experiment)?, session)?;
    let choice = Choice::of(args, &workspace)?;
    let run = session.open_run(&workspace.experiment)?;
    run.heed_signals()?;
    train(&workspace, &run, &choice)?;
    output::line(summary(&workspace, &choice.members)?)?;
    run.close()
}

/// Trains what is not trained yet, some members side by side on the same recordings, which are memory maps.
///
/// # Errors
/// Whatever the stage returns; the other members go on to their end first.
pub fn train(workspace: &Workspace, run: &Run, choice: &Choice) -> Result<()> {
    let model = workspace.model()?;
    warn_of_memory(workspace, run, choice.jobs)?;
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        // A pool of its own, so that members don't wait for each other's steps.
        let threads = (rayon::current_num_threads() / choice.jobs).max(1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|e| Error::Failed(format!("can't start threads: {e}")))?;
        while let Some(&member) = choice.members.get(next.fetch_add(1, Ordering::Relaxed)) {
            pool.install(|| train_member(workspace, &model, member, run))?;
        }
        Ok(())
    };
    let results: Vec<Result<()>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..choice.jobs).map(|_| scope.spawn(work)).collect();
        let died = |_| Err(Error::Failed("a thread that trained a member died".into()));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(died)).collect()
    });
    // A failure says more than that the others were interrupted.
    let (interrupted, others): (Vec<_>, Vec<_>) =
        results.into_iter().partition(|result| matches!(result, Err(Error::Interrupted)));
    others.into_iter().chain(interrupted).collect()
}

/// Trains one member, or takes it as it is when it is trained already, and draws its course.
///
/// # Errors
/// Whatever the stage returns.
pub fn train_member(workspace: &Workspace, model: &ModelConfig, member: usize, run: &Run) -> Result<()> {
    let mice = workspace.mice_of(member)?;
    let plan = plan(workspace, &mice, model, member, &run.stop);
    plan.train(&workspace.folder.member(member), &workspace.runtime, &run.observer)?;
    plot(workspace, member)
}

/// Plans how a member is trained; `mice` are [`Workspace::mice_of`] it.
pub fn plan<'a>(
    workspace: &'a Workspace,
    mice: &'a [SplitMouse],
    model: &'a ModelConfig,
    member: usize,
    stop: &'a Stop,
) -> MemberPlan<'a> {
    let experiment = &workspace.experiment;
    MemberPlan {
        member,
        mice,
        model,
        train: &experiment.train,
        clip: experiment.clip,
        input_size: experiment.input_size,
        seed: &experiment.seed,
        stop,
    }
}

fn metrics(workspace: &Workspace, member: usize) -> Result<Vec<EpochMetrics>> {
    read_csv(&workspace.folder.member(member).join("metrics.csv"))
}

fn plot(workspace: &Workspace, member: usize) -> Result<()> {
    let metrics = metrics(workspace, member)?;
    let curve = |value: &dyn Fn(&EpochMetrics) -> f64| {
        let points = metrics.iter().map(|epoch| (epoch.step as f64, value(epoch))).collect();
        vec![Line { label: String::new(), points }]
    };
    let panel = |y_label: &str, lines| Panel { x_label: "step".into(), y_label: y_label.into(), lines };
    let panels = [
        panel("training loss", curve(&|epoch| epoch.training_loss)),
        panel("held-out correlation", curve(&|epoch| epoch.validation_correlation.unwrap_or(f64::NAN))),
    ];
    let path = workspace.folder.member(member).join("learning_curve.png");
    write_plot(&path, &format!("Member {member}"), &panels)
}

fn summary(workspace: &Workspace, members: &[usize]) -> Result<Table> {
    let mut table = Table::new(["member", "steps", "training loss", "held-out response correlation"]);
    for &member in members {
        let metrics = metrics(workspace, member)?;
        let last = metrics.last().ok_or_else(|| Error::Failed(format!("member {member} has no metrics")))?;
        let validation = last.validation_correlation.map(|r| format!("{r:.3}")).unwrap_or_default();
        let loss = format!("{:.1}", last.training_loss);
        table.row([member.to_string(), last.step.to_string(), loss, validation]);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_members_train_at_once_as_memory_holds_but_never_none() {
        assert_eq!(fitting(10, Some(35)), 3);
        assert_eq!(fitting(10, Some(9)), 1);
        assert_eq!(fitting(10, None), usize::MAX);
    }
}
