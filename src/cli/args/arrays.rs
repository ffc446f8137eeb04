//! Arguments of `data from-arrays`: a lab's own recording as plain arrays.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgGroup, Args};

/// Arguments of `data from-arrays`.
#[derive(Debug, Clone, Args)]
#[command(
    group(ArgGroup::new("stimulus").required(true).args(["movies", "images"])),
    after_help = "Files are numpy's .npy: floats of 4 or 8 bytes or whole numbers, in C or Fortran order \
    (numpy.save; of MATLAB's arrays, npy-matlab).\n\n\
    Movies: everything must be at one rate, a value for each movie frame; v1reel takes 30 Hz unless the experiment \
    file says otherwise (data.frame_rate_hz). Trials of different lengths end in NaN, or are files of their own. \
    Responses are taken as they are: deconvolve them first.\n\n\
    Still images: each repeat of each image becomes a trial, all images of the first repeat first; the image and the \
    cells' responses to it are held for --frames-per-image frames. Repeats of an image count as such in `v1reel \
    validate` and are never split between training and test. In the experiment file, clips must fit into so few \
    frames: clip.size = 1 and clip.step = 1 for one frame.\n\n\
    Examples:\n  \
    v1reel data from-arrays mice/mine --movies movies.npy --responses responses.npy --behavior running.npy\n  \
    v1reel data from-arrays mice/mine --images images.npy --frame-size 31x31 --responses a.npy b.npy\n\n\
    Then: v1reel data verify mice/mine"
)]
pub struct FromArraysArgs {
    /// Folder of the new mouse; its name is the mouse's name
    #[arg(value_name = "OUT_MOUSE")]
    pub out: PathBuf,
    /// What the animal saw, grey levels 0 to 255: one file (trial, frame, height, width), or a folder of files, one a
    /// trial (frame, height, width)
    #[arg(long, value_name = "NPY")]
    pub movies: Option<PathBuf>,
    /// Still images that it saw: (image, height, width), or (image, pixel) with --frame-size
    #[arg(long, value_name = "NPY")]
    pub images: Option<PathBuf>,
    /// Responses: of movies (trial, neuron, frame), or a folder of files, one a trial (neuron, frame); of images (image,
    /// cell) or (repeat, image, cell). Several files are several populations of neurons in the same trials
    #[arg(long, value_name = "NPY", required = true, num_args = 1..)]
    pub responses: Vec<PathBuf>,
    /// Behavior during movies (trial, row, frame), or a folder of files (row, frame): pupil dilation, running speed
    #[arg(long, value_name = "NPY", requires = "movies")]
    pub behavior: Option<PathBuf>,
    /// Place of the pupil during movies (trial, row, frame), or a folder of files (row, frame): x, y
    #[arg(long, value_name = "NPY", requires = "movies")]
    pub pupil_center: Option<PathBuf>,
    /// Where the neurons lie in the brain, in micrometres: (neuron, 3) for x, y, z, or (neuron, 2)
    #[arg(long, value_name = "NPY")]
    pub positions: Option<PathBuf>,
    /// A label for each trial, or each image, as numpy text: train, oracle, ...; 'none' leaves it out [default: all
    /// train]
    #[arg(long, value_name = "NPY")]
    pub tiers: Option<PathBuf>,
    /// What grey levels are multiplied with to lie between 0 (black) and 255 (white)
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub scale: f64,
    /// Height and width of images whose pixels lie in a row, as in 31x31
    #[arg(long, value_name = "HxW", requires = "images", value_parser = super::nwb::frame_size)]
    pub frame_size: Option<[usize; 2]>,
    /// Frames that an image is held for
    #[arg(long, value_name = "N", default_value = "1", requires = "images")]
    pub frames_per_image: NonZeroUsize,
    /// Make one trial of each image, from the mean response over its repeats
    #[arg(long, requires = "images")]
    pub average_repeats: bool,
}
