//! What can be typed after `v1reel`, and the help texts.

pub mod ablate;
pub mod arrays;
pub mod cluster;
pub mod data;
pub mod decode;
pub mod export;
pub mod live;
pub mod model;
pub mod nwb;
pub mod probe;
pub mod reconstruct;
pub mod reference;
pub mod simulate;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand};

use self::ablate::AblateArgs;
use self::cluster::{CancelArgs, PlanArgs, RunArgs, StatusArgs, SubmitArgs, TaskArgs};
use self::data::DataArgs;
use self::decode::DecodeArgs;
use self::export::ExportArgs;
use self::live::WatchArgs;
use self::model::{CausalityArgs, ImportArgs, TrainArgs, ValidateArgs};
use self::probe::ProbeArgs;
use self::reconstruct::{CompareArgs, EvaluateArgs, ReconstructArgs};
use self::reference::ExplainArgs;
use self::simulate::SimulateArgs;
use crate::device::DeviceChoice;

/// Reconstruct the movie a mouse was watching from the activity of its visual cortex.
#[derive(Debug, Parser)]
#[command(name = "v1reel", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Start with `v1reel demo`, or with your own recordings:\n  \
    v1reel inspect MOUSE             what is in a recording\n  \
    v1reel data verify MOUSE         what is broken in it\n  \
    v1reel train experiment.toml     fit the encoding models\n  \
    v1reel validate experiment.toml  see how well they predict\n  \
    v1reel mask experiment.toml      find the pixels that the neurons see\n  \
    v1reel reconstruct experiment.toml\n  \
    v1reel evaluate experiment.toml\n  \
    v1reel report runs/NAME          look at it\n  \
    v1reel export runs/NAME --to tiff,npz\n\n\
    A command that was interrupted goes on where it stopped when it is given again. Ctrl-C, SIGTERM and\n\
    SIGUSR1 let it finish the step in work and save where it stands; a second Ctrl-C ends it at once.\n\n\
    Exit codes: 0 done, 1 failure, 2 misuse, 75 interrupted (give the same command again to go on).")]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Arguments of every command.
#[derive(Debug, Clone, Args)]
pub struct GlobalArgs {
    /// Where the models run: cpu, tch, tch:N, vulkan, wgpu or cuda:N, as far as built in. Overrides the
    /// experiment file
    #[arg(long, global = true, value_name = "DEVICE")]
    pub device: Option<DeviceChoice>,
    /// CPU threads to use [default: all]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Memory for the models' activations on the CPU; more keeps more of them instead of computing them again
    #[arg(long, global = true, value_name = "SIZE", default_value = "2G")]
    pub memory: ByteSize,
    /// Say nothing but results, warnings and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a simulated mouse whose neurons are known: movies, behavior, responses, on disk like a real one
    Simulate(SimulateArgs),
    /// Show what is in a recording: neurons, trials, tiers, frames, behavior
    Inspect(InspectArgs),
    /// Explain the keys of an experiment file: what each means, its unit, what it may be, its value in every preset
    Explain(ExplainArgs),
    /// Show every setting of an experiment, and whether it is the file's, a flag's, a preset's or the default
    Show(ExperimentArgs),
    /// Look after recordings: find what is broken in them, store them in one file, exchange them as NWB
    Data(DataArgs),
    /// Fit the ensemble of encoding models: movie and behavior in, responses out
    Train(TrainArgs),
    /// Score how well the models predict responses to held-out movies: of single trials, of the mean over a
    /// movie's showings, against what can be attained
    Validate(ValidateArgs),
    /// Turn a published PyTorch checkpoint (.pth) into a v1reel model, without running anything in it
    Import(ImportArgs),
    /// Measure how far into the future and the past a model's responses look, by changing one frame at a time
    Causality(CausalityArgs),
    /// Find the transparency mask: how much each pixel of the movie matters to the recorded neurons; trained, or with
    /// --set mask.from=receptive_fields from where they look
    Mask(ExperimentArgs),
    /// Predict the responses to the trials' movies and compare them with the recorded ones
    Predict(ExperimentArgs),
    /// Reconstruct the movies of the chosen trials from their recorded responses
    Reconstruct(ReconstructArgs),
    /// Score reconstructions against the true movies; write tables and print a summary
    Evaluate(EvaluateArgs),
    /// Decode still images from the responses to them by a linear map, each without its own share, beside chance
    Decode(DecodeArgs),
    /// Reconstruct and predict with fewer neurons, or with behavior altered, and compare
    Ablate(AblateArgs),
    /// Ask the trained models, in silico, where every neuron looks, what it prefers and how fine a movie they resolve
    /// together
    Probe(ProbeArgs),
    /// Make a page to look at: movies beside what the mouse watched, playing in step with its behavior and its
    /// neurons, and all scores beside their controls; of one run, or of several to compare
    Report(ReportArgs),
    /// Write a run's movies and numbers as files that ImageJ, PowerPoint, Python, MATLAB and R open
    Export(ExportArgs),
    /// Hold two runs against each other: the same trials and neurons, paired, with statistics within each mouse and
    /// over mice
    Compare(CompareArgs),
    /// List the tasks of an experiment: what is done, what the rest takes in hours, cores and memory
    Plan(PlanArgs),
    /// Do all tasks of an experiment that are not done yet on this machine, with several processes
    Run(RunArgs),
    /// Hand all tasks of an experiment that are not done yet to Slurm, as job arrays
    Submit(SubmitArgs),
    /// Show how far a run is that was started by `run` or `submit`, what failed and why
    Status(StatusArgs),
    /// End what works on a run, in Slurm and on this machine; what is done stays
    Cancel(CancelArgs),
    /// Do single tasks of an experiment, by name: what jobs and worker processes run
    Task(TaskArgs),
    /// Go the whole way once, small: simulate, train, reconstruct, score against controls, show pictures
    Demo(DemoArgs),
}

/// Arguments of every command that an experiment file drives.
#[derive(Debug, Clone, Args)]
pub struct ExperimentArgs {
    /// The experiment file (TOML): mice, model, training, reconstruction
    #[arg(value_name = "EXPERIMENT")]
    pub experiment: PathBuf,
    /// Override one setting of the file, as in --set train.batch_size=8; may be given again
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
}

/// Arguments of `inspect`.
#[derive(Debug, Clone, Args)]
pub struct InspectArgs {
    /// Folder of the mouse
    #[arg(value_name = "MOUSE")]
    pub mouse: PathBuf,
    /// Print one line of JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Also draw the mouse to this PNG: frames of a few movies, running and pupil, the responses
    #[arg(long, value_name = "PNG")]
    pub picture: Option<PathBuf>,
}

/// Arguments of `report`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "The report is a folder that needs nothing else: open its index.html in a browser, copy it, \
    send it. A report that is there already is written anew; the run itself is only read.\n\n\
    Example: v1reel report runs/first runs/second --out compared"
)]
pub struct ReportArgs {
    /// Folders of runs with reconstructions. Where several kept movies on their way (reconstruction.snapshots),
    /// course.png compares them by quality against compute
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    /// Folder to write to [default: RUN/report; needed for several runs]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Leave out the movies of the single members, most of the report's size
    #[arg(long)]
    pub no_members: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Folder to write to
    #[arg(long, value_name = "DIR", default_value = "runs/demo")]
    pub run: PathBuf,
    /// Train the ensemble here, about half an hour on two cores, instead of taking the one that comes with v1reel
    #[arg(long)]
    pub train: bool,
    /// Copy the trained members to where v1reel ships them from (for those who work on v1reel: models/demo)
    #[arg(long, value_name = "DIR", requires = "train", hide = true)]
    pub ship: Option<PathBuf>,
    /// End with one line of JSON: the score, the controls, the folder
    #[arg(long)]
    pub json: bool,
    /// Who watches.
    #[command(flatten)]
    pub watch: WatchArgs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn clap_finds_no_contradiction_in_the_arguments() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_arguments_may_follow_the_command() {
        let cli = Cli::try_parse_from(["v1reel", "train", "a.toml", "--device", "tch:1", "-q"]).unwrap();
        assert_eq!(cli.global.device, Some(DeviceChoice::Tch(Some(1))));
        assert!(cli.global.quiet);
    }
}
