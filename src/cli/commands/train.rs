//! `v1reel train`: fits the members of the ensemble.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::cli::args::ExperimentArgs;
use crate::cli::output;
use crate::cli::session::{Run, Session};
use crate::cli::table::Table;
use crate::cli::workspace::Workspace;
use crate::error::{Error, Result};
use crate::model::ModelConfig;
use crate::report::plot::{Line, Panel, write_plot};
use crate::train::MemberPlan;
use crate::train::member::{EpochMetrics, read_csv};

/// Trains the ensemble.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(args: &ExperimentArgs, session: &Session) -> Result<()> {
    let workspace = Workspace::open(session.experiment(args)?, session.memory())?;
    let run = session.open_run(&workspace.experiment)?;
    train(&workspace, &run)?;
    output::line(summary(&workspace)?)?;
    run.close()
}

/// Trains what is not trained yet, as many members side by side as there are threads: a member alone
/// does not keep two threads busy.
///
/// # Errors
/// Whatever the stage returns; the other members go on to their end first.
pub fn train(workspace: &Workspace, run: &Run) -> Result<()> {
    let model = workspace.model()?;
    let members = workspace.experiment.members;
    let threads = rayon::current_num_threads();
    let jobs = threads.min(members);
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        // A pool of its own, of a size that does not depend on what else runs: the same bytes every time.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads / jobs).build();
        let pool = pool.map_err(|e| Error::Failed(format!("can't start threads: {e}")))?;
        loop {
            let member = next.fetch_add(1, Ordering::Relaxed);
            if member >= members {
                return Ok(());
            }
            pool.install(|| train_member(workspace, &model, member, run))?;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| Err(Error::Failed("a thread that trained a member died".into())))
        });
        joined.collect::<Vec<_>>().into_iter().collect()
    })
}

fn train_member(workspace: &Workspace, model: &ModelConfig, member: usize, run: &Run) -> Result<()> {
    let plan = plan(workspace, model, member);
    plan.train(&workspace.folder.member(member), &workspace.runtime, &run.observer)?;
    plot(workspace, member)
}

/// Plans how a member is trained.
pub fn plan<'a>(workspace: &'a Workspace, model: &'a ModelConfig, member: usize) -> MemberPlan<'a> {
    let experiment = &workspace.experiment;
    MemberPlan {
        member,
        mice: &workspace.mice,
        model,
        train: &experiment.train,
        clip: experiment.clip,
        input_size: experiment.input_size,
        seed: &experiment.seed,
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

fn summary(workspace: &Workspace) -> Result<Table> {
    let mut table = Table::new(["member", "steps", "training loss", "held-out response correlation"]);
    for member in 0..workspace.experiment.members {
        let metrics = metrics(workspace, member)?;
        let last = metrics.last().ok_or_else(|| Error::Failed(format!("member {member} has no metrics")))?;
        let validation = last.validation_correlation.map(|r| format!("{r:.3}")).unwrap_or_default();
        let loss = format!("{:.1}", last.training_loss);
        table.row([member.to_string(), last.step.to_string(), loss, validation]);
    }
    Ok(table)
}
