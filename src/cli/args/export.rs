//! Arguments of `export`: a run as files that other programs open.

use std::path::PathBuf;

use clap::Args;

use crate::export::{Depth, Format};

/// Arguments of `export`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Formats:\n  \
    tiff     stacks for ImageJ and tifffile, axes TYX with the frame rate, 32-bit floats (--depth 8: bytes); mask 0 or 255\n  \
    mp4      films for browsers and slides: each movie, and truth beside reconstruction; enlarged, 8 bit\n  \
    gif      the same as endless GIFs\n  \
    npz      all arrays of a movie for numpy: movie, truth, mask, responses, predicted responses, behavior, loss\n  \
    h5       the same of the whole run in one HDF5 file, for h5py and MATLAB: groups mouse, trial, condition\n  \
    nwb      a file a mouse: the recording, and the movies at the times of their trials\n  \
    csv      tables: trials with scores, frames, behavior, losses\n  \
    parquet  the same tables\n\n\
    Pixels are grey levels from 0 to 255 as in the results, never stretched; formats of 8 bit round and clip them. A \
    reconstruction is mid-grey (127.5) outside its mask, the ground truth is whole; side by side both are masked. \
    Members are raw: neither filtered nor masked.\n\n\
    Files are named MOUSE_trial_N_WHAT. The same run gives the same bytes; what is there already is replaced.\n\n\
    Example: v1reel export runs/demo --to tiff,npz --trial 0,5 --condition recorded,linear-decoder")]
pub struct ExportArgs {
    /// Folder of a run with reconstructions
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// What to write, a list of: tiff, mp4, gif, npz, h5, nwb, csv, parquet
    #[arg(long, value_name = "FORMATS", required = true, value_delimiter = ',')]
    pub to: Vec<Format>,
    /// Folder to write to; each format gets a folder in it [default: RUN/export]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Only this mouse; may be given again [default: all]
    #[arg(long, value_name = "NAME")]
    pub mouse: Vec<String>,
    /// Only these trials, as in 3,17 [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub trial: Vec<u32>,
    /// What the movies were made from, a list: recorded, linear-decoder, a control such as shuffled-neurons, an ablation
    /// such as ablation/neurons (all that are below it), or all [default: recorded]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub condition: Vec<String>,
    /// Also the raw movie of every member, where it was kept
    #[arg(long)]
    pub members: bool,
    /// Bits a pixel of TIFF stacks: 32 (floats) or 8
    #[arg(long, value_name = "BITS", default_value = "32", value_parser = depth)]
    pub depth: Depth,
    /// Print one line of JSON that lists the files, instead of a line a file
    #[arg(long)]
    pub json: bool,
}

fn depth(text: &str) -> Result<Depth, String> {
    match text {
        "8" => Ok(Depth::Eight),
        "32" => Ok(Depth::ThirtyTwo),
        _ => Err(format!("{text:?} bits; expected 8 or 32")),
    }
}
