//! The flags of `v1reel data`, with help that stands for itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::arrays::FromArraysArgs;
use super::nwb::{NwbExportArgs, NwbImportArgs};

/// Arguments of `data`.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: DataCommand,
}

/// The commands of `data`.
#[derive(Debug, Clone, Subcommand)]
pub enum DataCommand {
    /// Look at every value of every trial and name all that is broken, where, and what to do
    Verify(VerifyArgs),
    /// Write a mouse of .npy files to one HDF5 file, from which clips are read faster
    Convert(ConvertArgs),
    /// Make a mouse folder of an NWB file, everything at one rate
    Import(NwbImportArgs),
    /// Make a mouse folder of your own arrays (.npy): movies or still images, and responses to them
    FromArrays(FromArraysArgs),
    /// Write a mouse, and what was reconstructed from it, as an NWB file
    Export(NwbExportArgs),
}

/// Arguments of `data verify`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Errors make a trial or a mouse unusable; remarks, such as trials that repeat a movie, don't. \
    Trials of tier 'none' are left out everywhere: what is wrong with their values is a remark. That a movie, or \
    one nearly like it, is both trained on and held out is an error: by tiers ('train' against all others) of all \
    mice named; of an experiment file, by its own folds. An NWB file is looked at as the mouse that `data import` \
    would make of it; its movies are compared with those of other mice only once it is imported.\n\n\
    Exit codes: 0 no errors, 1 errors were found, 2 misuse."
)]
pub struct VerifyArgs {
    /// Mice (folders, or single HDF5 files), NWB files, folders of these, or experiment files: of the last their mice
    /// and whether their folds leak
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// List every problem, however many there are of a kind
    #[arg(long)]
    pub all: bool,
    /// Print one line of JSON: `problems`, each with kind, severity, mouse, trial, file and message, and `mice`
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `data convert`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Every command takes the file wherever it takes a folder. The mouse is named by the file: keep \
    the folder's name to draw the same clips. Values are kept as v1reel reads them: movies of whole numbers as \
    bytes, all else as floats of 4 bytes; the NaN after a trial's end is left out."
)]
pub struct ConvertArgs {
    /// Folder of the mouse
    #[arg(value_name = "MOUSE")]
    pub mouse: PathBuf,
    /// The file to write
    #[arg(value_name = "OUT.h5")]
    pub out: PathBuf,
    /// Compress without loss: smaller, but slower to read
    #[arg(long)]
    pub compress: bool,
}
