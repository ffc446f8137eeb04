//! What can be typed after `v1reel plan`, `run`, `submit`, `status`, `cancel` and `task`, and the help texts.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::ExperimentArgs;
use super::reconstruct::ControlList;
use crate::cluster::recording::Assumption;

/// Which experiment, and what of it: of every command that needs the list of tasks.
#[derive(Debug, Clone, Args)]
pub struct TasksArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Also make controls and ceilings, a list of some, or all, as `v1reel reconstruct --controls` does
    /// [default: cluster.controls, none]
    #[arg(long, value_name = "LIST")]
    pub controls: Option<ControlList>,
    /// Also make ablations, as `v1reel ablate` does with the settings of [ablation] [default: cluster.ablate, none]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    pub ablate: Vec<AblatePart>,
}

/// An ablation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AblatePart {
    /// Fewer neurons
    Neurons,
    /// Running and pupil altered
    Behavior,
}

impl TasksArgs {
    /// The experiment, with what was typed laid over its section `[cluster]`.
    pub fn experiment(&self) -> ExperimentArgs {
        let list = |key: &str, names: Vec<String>| {
            let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
            format!("cluster.{key}=[{}]", names.join(", "))
        };
        let mut args = self.experiment.clone();
        let controls = self.controls.as_ref().map(|list| list.0.iter().map(ToString::to_string).collect());
        args.set.extend(controls.map(|controls| list("controls", controls)));
        if !self.ablate.is_empty() {
            let name = |part: &AblatePart| match part {
                AblatePart::Neurons => "neurons".to_string(),
                AblatePart::Behavior => "behavior".to_string(),
            };
            args.set.push(list("ablate", self.ablate.iter().map(name).collect()));
        }
        args
    }
}

/// Arguments of `plan`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Hours are those of the cost model (docs/cluster.md): counted from sizes and settings, with constants \
    measured on 2 cores of an Intel Xeon with AVX-512; cluster.speed says how your machines compare.\n\n\
    Without the recordings, --assume says how large they are:\n  \
    v1reel plan paper.toml --assume neurons=8000,size=36x64,frames=300,trials=700"
)]
pub struct PlanArgs {
    /// What is planned.
    #[command(flatten)]
    pub tasks: TasksArgs,
    /// Plan without the recordings: take sizes for granted, of neurons=8000, size=36x64, frames=300, trials=700,
    /// channels=5 those that differ (or "" for none)
    #[arg(long, value_name = "SIZES")]
    pub assume: Option<Assumption>,
    /// List every task
    #[arg(long)]
    pub list: bool,
    /// Print one line of JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `run`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Trains, makes masks, reconstructs, makes controls and ablations, scores and writes the page: whatever \
    of it is not there yet, with the same results as the commands one by one. A task that fails is reported in the \
    end, with the last of what it said; what does not need it goes on. Given again, it makes what is missing.\n\n\
    Exit codes: 0 all is done, 1 something failed, 75 interrupted."
)]
pub struct RunArgs {
    /// What is run.
    #[command(flatten)]
    pub tasks: TasksArgs,
    /// Work with so many processes; they share the threads of --threads
    #[arg(long, value_name = "N", default_value = "1")]
    pub jobs: NonZeroUsize,
}

/// Arguments of `submit`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "One job array a stage, each waiting for those it needs; settings are the keys of [cluster] \
    (docs/cluster.md). Whatever is done already is not submitted. A job whose time is nearly over saves where it \
    stands and goes back into the queue. Look with `v1reel status`, end with `v1reel cancel`; given again, it submits \
    what is missing."
)]
pub struct SubmitArgs {
    /// What is submitted.
    #[command(flatten)]
    pub tasks: TasksArgs,
    /// Print the scripts and submit nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// An experiment file, or the folder of a run
    #[arg(value_name = "EXPERIMENT|RUN")]
    pub run: PathBuf,
    /// Override one setting of the file, as it was when the run was started
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// List every task
    #[arg(long)]
    pub list: bool,
    /// Print one line of JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `cancel`.
#[derive(Debug, Clone, Args)]
pub struct CancelArgs {
    /// An experiment file, or the folder of a run
    #[arg(value_name = "EXPERIMENT|RUN")]
    pub run: PathBuf,
    /// Override one setting of the file, as it was when the run was started
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
}

/// Arguments of `task`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Jobs and worker processes run this. Tasks that are done are left alone; one that another process \
    works on is waited for. By hand: v1reel task experiment.toml train/0 mask/mouse (v1reel plan --list names them all)."
)]
pub struct TaskArgs {
    /// What they are tasks of.
    #[command(flatten)]
    pub tasks: TasksArgs,
    /// Their names
    #[arg(value_name = "TASK", required_unless_present_any = ["list", "serve"])]
    pub names: Vec<String>,
    /// Take them from a file: a JSON list of lists of names
    #[arg(long, value_name = "FILE", requires = "element", conflicts_with = "names")]
    pub list: Option<PathBuf>,
    /// Which of the file's lists, counted from 0
    #[arg(long, value_name = "K", requires = "list")]
    pub element: Option<usize>,
    /// Take them from standard input, one JSON text a line, and answer each with one line of JSON
    #[arg(long, conflicts_with_all = ["names", "list"])]
    pub serve: bool,
}

#[cfg(test)]
mod tests {
    use crate::cli::args::{Cli, Command};
    use clap::Parser;

    #[test]
    fn what_is_made_beside_is_laid_over_the_experiment() {
        let words = ["v1reel", "plan", "a.toml", "--controls", "predicted,averaged", "--ablate", "neurons"];
        let Command::Plan(args) = Cli::try_parse_from(words).unwrap().command else { panic!() };
        let expected = ["cluster.controls=[\"predicted\", \"averaged\"]", "cluster.ablate=[\"neurons\"]"];
        assert_eq!(args.tasks.experiment().set, expected);
        for slip in [["--controls", "truth"], ["--ablate", "mice"], ["--assume", "legs=4"]] {
            assert!(Cli::try_parse_from(["v1reel", "plan", "a.toml"].iter().chain(&slip)).is_err());
        }
    }

    #[test]
    fn a_task_is_named_listed_or_asked_for() {
        let parse =
            |more: &[&str]| Cli::try_parse_from(["v1reel", "task", "a.toml"].iter().chain(more)).is_ok();
        assert!(parse(&["train/0"]) && parse(&["--serve"]) && parse(&["--list", "l.json", "--element", "0"]));
        assert!(!parse(&[]) && !parse(&["--list", "l.json"]) && !parse(&["--serve", "train/0"]));
    }
}
