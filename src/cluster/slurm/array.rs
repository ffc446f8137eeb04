//! Cuts a plan into job arrays: which tasks share a job, which stage waits for which, what a job asks for.

use crate::cluster::cost::Needs;
use crate::cluster::plan::Plan;
use crate::cluster::task::Stage;
use crate::experiment::ClusterConfig;

/// Minutes beyond the predicted ones: to start, to open recordings, to be unlucky.
const SPARE_MINUTES: f64 = 10.0;
/// A little more memory than counted.
const MEMORY_FACTOR: f64 = 1.25;

/// How a stage waits for an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// Every task needs every task of it: where one failed there is nothing to do.
    ForSuccess(Stage),
    /// Some tasks need some: what can be done is done, the rest says what it lacks.
    ForEnd(Stage),
}

/// The job array of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The stage.
    pub stage: Stage,
    /// Names of the tasks of every element.
    pub elements: Vec<Vec<String>>,
    /// What has to end before.
    pub waits: Vec<Waits>,
    /// CPU cores of a job.
    pub cores: usize,
    /// GPUs of a job.
    pub gpus: usize,
    /// Memory of a job, in units of 1024 squared bytes as Slurm counts.
    pub memory_mib: u64,
    /// Time limit of a job.
    pub minutes: u64,
}

/// Cuts what is not done into arrays, in the order of the stages.
pub fn arrays(plan: &Plan, cluster: &ClusterConfig) -> Vec<Array> {
    let stages = plan.stages();
    stages.iter().filter_map(|&stage| array(plan, cluster, stage)).collect()
}

fn pending(plan: &Plan, stage: Stage) -> Vec<usize> {
    (0..plan.tasks.len()).filter(|&at| plan.tasks[at].stage() == stage && !plan.tasks[at].done).collect()
}

fn array(plan: &Plan, cluster: &ClusterConfig, stage: Stage) -> Option<Array> {
    let tasks = pending(plan, stage);
    let first = plan.tasks[*tasks.first()?].needs;
    let groups = groups(plan, cluster, &tasks);
    let most = |value: &dyn Fn(&Needs) -> f64| {
        tasks.iter().map(|&at| value(&plan.tasks[at].needs)).fold(0.0, f64::max)
    };
    let memory =
        if cluster.memory_gb > 0.0 { cluster.memory_gb } else { most(&|n| n.memory_gb) * MEMORY_FACTOR };
    let hours = |group: &Vec<usize>| group.iter().map(|&at| plan.tasks[at].needs.hours).sum::<f64>();
    let longest = groups.iter().map(hours).fold(0.0, f64::max);
    let minutes = (longest * 60.0 * cluster.time_factor + SPARE_MINUTES).min(cluster.max_hours * 60.0);
    let names = |group: Vec<usize>| group.into_iter().map(|at| plan.tasks[at].name.clone()).collect();
    Some(Array {
        stage,
        elements: groups.into_iter().map(names).collect(),
        waits: waits(plan, stage, &tasks),
        cores: first.cores,
        gpus: first.gpus,
        memory_mib: (memory * 1e9 / f64::from(1 << 20)).ceil().max(1.0) as u64,
        minutes: minutes.ceil().max(1.0) as u64,
    })
}

/// Puts short tasks together until they take `job_minutes`, and more where there would be too many elements.
fn groups(plan: &Plan, cluster: &ClusterConfig, tasks: &[usize]) -> Vec<Vec<usize>> {
    let least = tasks.len().div_ceil(cluster.array_size);
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut minutes = f64::INFINITY;
    for &task in tasks {
        let full = groups.last().is_none_or(|group| group.len() >= least);
        let takes = plan.tasks[task].needs.hours * 60.0;
        if full && minutes + takes > cluster.job_minutes {
            groups.push(Vec::new());
            minutes = 0.0;
        }
        minutes += takes;
        if let Some(group) = groups.last_mut() {
            group.push(task);
        }
    }
    groups
}

fn waits(plan: &Plan, stage: Stage, tasks: &[usize]) -> Vec<Waits> {
    let earlier = plan.stages().into_iter().take_while(|&other| other != stage);
    earlier
        .filter_map(|other| {
            let needed = pending(plan, other);
            let needs = |task: &usize, other: &usize| plan.tasks[*task].after.contains(other);
            let uses = |task: &usize, other: &usize| plan.tasks[*task].after_any.contains(other);
            let all = !needed.is_empty() && tasks.iter().all(|t| needed.iter().all(|o| needs(t, o)));
            let any = tasks.iter().any(|t| needed.iter().any(|o| needs(t, o) || uses(t, o)));
            match (all, any) {
                (true, _) => Some(Waits::ForSuccess(other)),
                (false, true) => Some(Waits::ForEnd(other)),
                (false, false) => None,
            }
        })
        .collect()
}
