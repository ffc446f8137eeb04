//! Arguments of `decode`: still images from responses to them, by a linear map.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `decode`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Each image is decoded from the mean response of every cell to it (over repeats; cells at unit \
    variance over all images), by a ridge regression that was fitted to the other images, and compared with the true image pixel by \
    pixel. How strongly weights are held small is chosen without the image too. The control decodes as often as \
    --shuffles says from responses that were given to the wrong images; p is the share of those that come out as high, \
    a one-sided permutation test over images of this one mouse.\n\n\
    Of movies, the linear decoder is a control of `v1reel evaluate`."
)]
pub struct DecodeArgs {
    /// A mouse that was shown still images
    #[arg(value_name = "MOUSE")]
    pub mouse: PathBuf,
    /// Times that responses are shuffled between images for the control
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub shuffles: usize,
    /// Where the mean image and mean responses come from that are taken off before fitting: the training images, as it
    /// must be; or all, the left-out one too, whose mean betrays that image: only to compare with figures made so
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Centring::Training)]
    pub centring: Centring,
    /// The ridge penalty, in squares of unit-variance responses [default: chosen without the decoded image]
    #[arg(long, value_name = "LAMBDA", required_if_eq("centring", "all"))]
    pub penalty: Option<f64>,
    /// Names the shuffles: another name gives others
    #[arg(long, value_name = "NAME", default_value = "decode")]
    pub seed: String,
    /// Write the decoded images as one array (image, height, width), grey levels, in the order of their first trials
    #[arg(long, value_name = "NPY")]
    pub out: Option<PathBuf>,
    /// Print one line of JSON instead of the table
    #[arg(long)]
    pub json: bool,
}

/// Images whose mean is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Centring {
    /// Those that the map is fitted to.
    Training,
    /// All, also the one that is decoded.
    All,
}
