//! What can be typed after `v1reel`, and the help texts.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand};

use super::ablate_args::AblateArgs;
use super::cluster_args::{CancelArgs, PlanArgs, RunArgs, StatusArgs, SubmitArgs, TaskArgs};
use super::data_args::DataArgs;
use super::decode_args::DecodeArgs;
use super::export_args::ExportArgs;
use super::live_args::WatchArgs;
use super::probe_args::ProbeArgs;
use super::reference_args::ExplainArgs;
use crate::device::DeviceChoice;
use crate::reconstruct::Condition;

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

/// Arguments of `train`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "A training that was killed goes on from its last saved state (train.checkpoint_seconds, \
    the ends of epochs, signals) when the same command is given again, and ends with the same bytes on the same \
    machine. Exit code 75: interrupted by a signal, state saved.\n\n\
    Members may be shared out: v1reel train a.toml --members 0-3 here, --members 4-6 there."
)]
pub struct TrainArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Train only these members, as in 0-6 or 0,2-4 [default: all]
    #[arg(long, value_name = "LIST")]
    pub members: Option<MemberList>,
    /// Train so many members side by side, sharing the threads and the recordings' memory [default: one a
    /// thread, as far as memory goes]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// Members of an ensemble, ascending, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberList(pub Vec<usize>);

impl FromStr for MemberList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<usize>().ok().filter(|&number| number < MOST_MEMBERS);
        let mut members = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            match (number(first), number(last)) {
                (Some(first), Some(last)) if first <= last => members.extend(first..=last),
                _ => return Err(format!("\"{}\" is no member and no range as in 2-4", part.trim())),
            }
        }
        Ok(Self(members.into_iter().collect()))
    }
}

/// A list with a slip in it should not fill the memory.
const MOST_MEMBERS: usize = 10_000;

/// Arguments of `simulate`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: v1reel simulate mice/sim --neurons 400 --trials 60 --seed first \
    --movies a.mp4 b.mp4")]
pub struct SimulateArgs {
    /// Folder of the new mouse; its name is the mouse's name
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// Recipe of the mouse (TOML); the options below override it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Video files to show to it, cropped, flipped and cut into trials; made-up natural-like movies if none
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub movies: Vec<PathBuf>,
    /// Number of neurons
    #[arg(long, value_name = "N")]
    pub neurons: Option<NonZeroUsize>,
    /// Number of trials of ten seconds
    #[arg(long, value_name = "N")]
    pub trials: Option<NonZeroUsize>,
    /// Name that all randomness follows from: the same name makes the same mouse
    #[arg(long, value_name = "NAME")]
    pub seed: Option<String>,
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

/// Arguments of `validate`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Responses are predicted to whole held-out trials, every frame the mean over the clips that \
    contain it. Where held-out trials repeat a movie: oracle r is the correlation of each showing with the mean of \
    the others; CCnorm is the correlation to the average over the most it can be for a model of the movie alone \
    (Schoppe et al. 2016), so that one that knows the behavior may exceed 1. Of a simulated mouse the attainable \
    correlation is that of the true expected responses."
)]
pub struct ValidateArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Print one line of JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `import`.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// The published checkpoint
    #[arg(value_name = "IN.pth")]
    pub checkpoint: PathBuf,
    /// The model to write
    #[arg(value_name = "OUT.safetensors")]
    pub out: PathBuf,
}

/// Arguments of `causality`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Frames are those of a clip: with clip.step = 2 one of them is two frames of the recording."
)]
pub struct CausalityArgs {
    /// The model
    #[arg(value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    /// Frames of the clip
    #[arg(long, value_name = "N", default_value = "16")]
    pub frames: NonZeroUsize,
    /// Rows of a frame
    #[arg(long, value_name = "N", default_value = "64")]
    pub height: NonZeroUsize,
    /// Columns of a frame
    #[arg(long, value_name = "N", default_value = "64")]
    pub width: NonZeroUsize,
    /// Whose responses, counted from 0 in the order of the readouts
    #[arg(long, value_name = "N", default_value = "0")]
    pub mouse: usize,
    /// Print one line of JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `reconstruct`.
#[derive(Debug, Clone, Args)]
pub struct ReconstructArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Also make controls and ceilings, a list of some, or all; each takes as long as the reconstruction. Controls:
    /// shuffled-neurons (the responses of each neuron given to another), time-shifted (rolled in time by a second or
    /// more). Ceilings: predicted (from what the models themselves predict for the true movie), averaged (from the
    /// mean over repeats, where the movie was shown again). held-out-neurons: from a random half of the neurons, to
    /// see by the other half how much is fitted to noise
    #[arg(long, value_name = "LIST")]
    pub controls: Option<ControlList>,
    /// Who watches.
    #[command(flatten)]
    pub watch: WatchArgs,
}

/// Controls to make, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlList(pub Vec<Condition>);

impl FromStr for ControlList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self(Condition::CONTROLS.to_vec()));
        }
        let found: BTreeSet<Condition> =
            text.split(',').map(|name| name.trim().parse()).collect::<Result<_, _>>()?;
        Ok(Self(found.into_iter().collect()))
    }
}

/// Arguments of `evaluate`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Beside each score stand the controls and ceilings that were made (v1reel reconstruct --controls), and \
    a linear decoder: ridge regression from the responses of all neurons to every pixel, trained on the other folds and \
    shown through the same filter and mask (section [decode] of the experiment file). Intervals are of a bootstrap over \
    mice; of a single mouse over its trials, and then they say nothing of other mice."
)]
pub struct EvaluateArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Leave out the linear decoder: with thousands of neurons it takes minutes the first time
    #[arg(long)]
    pub no_linear_decoder: bool,
    /// Print one line of JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `compare`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Compared are the trials that both runs scored (v1reel evaluate) and the neurons that both ensembles \
    predicted (v1reel validate): another preset, fewer members, an encoder trained without a channel (data.without).\n\n\
    Example: v1reel compare runs/first runs/without-running"
)]
pub struct CompareArgs {
    /// Folder of one run
    #[arg(value_name = "FIRST")]
    pub first: PathBuf,
    /// Folder of the other; differences are SECOND minus FIRST
    #[arg(value_name = "SECOND")]
    pub second: PathBuf,
    /// Print one line of JSON instead of tables
    #[arg(long)]
    pub json: bool,
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

    #[test]
    fn controls_are_listed_by_name_each_once_or_all() {
        let list = |text: &str| text.parse::<ControlList>().map(|list| list.0);
        let some = [Condition::ShuffledNeurons, Condition::Predicted];
        assert_eq!(list("predicted, shuffled-neurons,predicted").unwrap(), some);
        assert_eq!(list("all").unwrap(), Condition::CONTROLS);
        assert!(list("").unwrap_err().contains("or all"));
        assert!(list("predicted,truth").unwrap_err().contains("\"truth\" is no control"));
    }

    #[test]
    fn members_are_listed_by_number_and_range_each_once() {
        let list = |text: &str| text.parse::<MemberList>().map(|list| list.0);
        assert_eq!(list("0-6").unwrap(), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(list("4, 0,2-3,3").unwrap(), [0, 2, 3, 4]);
        for slip in ["", "a", "3-1", "1-", "-1", "1,,2", "0-99999999999"] {
            assert!(list(slip).unwrap_err().contains("no range"), "{slip}");
        }
    }

    #[test]
    fn simulate_takes_several_movies() {
        let words = ["v1reel", "simulate", "out", "--movies", "a.mp4", "b.mp4", "--neurons", "10"];
        let Command::Simulate(args) = Cli::try_parse_from(words).unwrap().command else { panic!() };
        assert_eq!(args.movies.len(), 2);
        assert_eq!(args.out, PathBuf::from("out"));
    }
}
