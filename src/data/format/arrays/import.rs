//! Writes trials of arrays as a mouse folder.

use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::images::ImageTrials;
use super::movies::MovieTrials;
use crate::atomic;
use crate::data::format::npy_array::NpyArray;
use crate::data::format::npy_tree::{Meta, Writer};
use crate::data::trial::{Tier, Trial, TrialId};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};

/// Brightest grey level.
const WHITE: f64 = 255.0;

/// What rounding may leave a grey level beyond black or white.
const ROUNDING: f64 = 1e-3;

/// The files that a mouse is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayFiles {
    /// What the animal saw.
    pub stimulus: Stimulus,
    /// Responses, at least one file or folder; the neurons of one follow those of the other.
    pub responses: Vec<PathBuf>,
    /// `[trial, row, frame]`: pupil dilation, running speed. Not of images.
    pub behavior: Option<PathBuf>,
    /// `[trial, row, frame]`: x, y. Not of images.
    pub pupil_center: Option<PathBuf>,
    /// `[neuron, (x, y, z)]` or `[neuron, (x, y)]` in micrometres.
    pub positions: Option<PathBuf>,
    /// A text for each trial or image; all are of tier `train` when absent.
    pub tiers: Option<PathBuf>,
    /// What grey levels are multiplied with to be 0 (black) to 255 (white).
    pub scale: f64,
    /// One trial an image, from the mean over its repeats, instead of one for each repeat.
    pub average_repeats: bool,
}

/// What the animal saw.
#[derive(Debug, Clone, PartialEq)]
pub enum Stimulus {
    /// `[trial, frame, height, width]`, or a folder of files, each `[frame, height, width]`.
    Movies(PathBuf),
    /// Still images.
    Images {
        /// `[image, height, width]` or `[image, pixel]`.
        path: PathBuf,
        /// Height and width, needed when pixels lie in a row.
        frame_size: Option<[usize; 2]>,
        /// Frames that an image, and the responses to it, are held for.
        frames_each: usize,
    },
}

/// What became of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArraysImported {
    /// Neurons of the mouse.
    pub neurons: usize,
    /// Height and width of its movies.
    pub frame_size: [usize; 2],
    /// Trials that were written, numbered from 0.
    pub trials: usize,
    /// Of images, how many trials show each.
    pub showings: Option<usize>,
}

/// Trials that are read one after the other.
pub(super) trait Source {
    /// Counts the trials.
    fn trials(&self) -> usize;
    /// Counts the neurons.
    fn neurons(&self) -> usize;
    /// Returns height and width of the frames.
    fn frame_size(&self) -> [usize; 2];
    /// Counts, and names, what has a tier: trial `n` that of number `n` modulo the count.
    fn labelled(&self) -> (usize, &'static str);
    /// Reads a trial.
    fn read(&self, id: TrialId) -> Result<Trial>;
}

/// Makes the mouse folder `out`, whole or not at all.
///
/// # Errors
/// [`Error::Usage`] when `out` is there already or nothing is named; [`Error::Invalid`] and [`Error::Io`] naming the file
/// at fault, when shapes don't fit each other, a value is no number or no grey level, or a file can't be read or written.
pub fn import_arrays(files: &ArrayFiles, out: &Path, observer: &dyn Observer) -> Result<ArraysImported> {
    if out.exists() {
        return Err(Error::usage(format!("{} is there already; move it away first", out.display())));
    }
    if files.responses.is_empty() || !(files.scale.is_finite() && files.scale > 0.0) {
        return Err(Error::usage("expected responses, and a scale of grey levels above 0"));
    }
    let (source, showings): (Box<dyn Source>, _) = match &files.stimulus {
        Stimulus::Movies(path) => (Box::new(MovieTrials::open(path, files)?), None),
        Stimulus::Images { path, frame_size, frames_each } => {
            let images = ImageTrials::open(path, *frame_size, *frames_each, files)?;
            images.note().into_iter().for_each(|message| observer.emit(Event::Note { message }));
            let showings = images.showings();
            (Box::new(images), Some(showings))
        }
    };
    let meta = Meta {
        tiers: tiers(files.tiers.as_deref(), source.as_ref())?,
        unit_ids: (0..source.neurons() as i64).collect(),
        cell_motor_coordinates: positions(files.positions.as_deref(), source.neurons())?,
    };
    let mut brightest = 0.0f32;
    atomic::write_folder(out, |folder| {
        brightest = write(source.as_ref(), folder, &meta, observer)?;
        Ok(())
    })?;
    if brightest <= 1.0 {
        let message = format!(
            "the brightest pixel is {brightest}, of 255 for white: were the grey levels to be multiplied (--scale)?"
        );
        observer.emit(Event::Warning { message });
    }
    let (neurons, frame_size, trials) = (source.neurons(), source.frame_size(), source.trials());
    Ok(ArraysImported { neurons, frame_size, trials, showings })
}

/// Writes all trials; returns the brightest grey level.
fn write(source: &dyn Source, folder: &Path, meta: &Meta, observer: &dyn Observer) -> Result<f32> {
    let task = || "import".to_string();
    observer.emit(Event::Started { task: task(), steps: source.trials() as u64, unit: "trials" });
    let mut writer = Writer::create(folder)?;
    let mut brightest = 0.0f32;
    for trial in 0..source.trials() {
        let id = u32::try_from(trial).map_err(|_| Error::usage("more trials than can be numbered"))?;
        let read = source.read(TrialId(id))?;
        brightest = read.movie.iter().copied().fold(brightest, f32::max);
        writer.write_trial(&read, 0)?;
        observer.emit(Event::Progress { task: task(), step: trial as u64 + 1, loss: None });
    }
    writer.finish(meta)?;
    observer.emit(Event::Finished { task: task() });
    Ok(brightest)
}

fn tiers(path: Option<&Path>, source: &dyn Source) -> Result<Vec<Tier>> {
    let (expected, what) = source.labelled();
    let names = match path {
        None => vec!["train".to_string(); expected],
        Some(path) => {
            let names = NpyArray::open(path)?.to_texts()?;
            if names.len() != expected {
                let problem = format!("{} tiers for {expected} {what}; expected one each", names.len());
                return Err(Error::invalid(path, problem));
            }
            names
        }
    };
    Ok((0..source.trials()).map(|trial| Tier(names[trial % expected].clone())).collect())
}

/// Reads places, `[neuron, (x, y, z)]`; no rows when there are none.
fn positions(path: Option<&Path>, neurons: usize) -> Result<Array2<f32>> {
    let Some(path) = path else { return Ok(Array2::zeros((0, 3))) };
    let array = NpyArray::open(path)?;
    array.require_number()?;
    let [rows, axes] = array.shape_of::<2>("neuron, 3")?;
    if rows != neurons || !(2..=3).contains(&axes) {
        let problem =
            format!("shape {:?}; expected ({neurons}, 3): x, y, z in micrometres, or x, y", array.shape());
        return Err(Error::invalid(path, problem));
    }
    let at = |(row, axis): (usize, usize)| if axis < axes { array.number(&[row, axis]) as f32 } else { 0.0 };
    Ok(Array2::from_shape_fn((rows, 3), at))
}

/// Turns a stored value into a grey level; `Err` says what is wrong with it.
pub(super) fn grey_level(value: f64, scale: f64) -> Result<f32, String> {
    let grey = value * scale;
    if (-ROUNDING..=WHITE + ROUNDING).contains(&grey) {
        return Ok(grey.clamp(0.0, WHITE) as f32);
    }
    let times = if scale == 1.0 { String::new() } else { format!(", times {scale} {grey}") };
    Err(format!(
        "{value}{times}; expected grey levels of 0 (black) to 255 (white): mend it, or give what they are to be \
         multiplied with (--scale)"
    ))
}
