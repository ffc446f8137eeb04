//! Reconstructions on disk: HDF5 that h5py and MATLAB open.

use std::path::Path;

use hdf5::{File, H5Type};
use ndarray::{Array1, Array2, Array3, ArrayView, Dimension};

use crate::atomic;
use crate::error::{Error, Result};
use crate::hdf5_file::{self, Hdf5File, write_text};
use crate::reconstruct::snapshot::Snapshots;

/// One member's raw movie, kept so that a killed run need not make it again.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberResult {
    /// `[frame, height, width]` of the encoder's input.
    pub movie: Array3<f32>,
    /// Loss per iteration, the mean over windows.
    pub losses: Vec<f64>,
    /// Per iteration, how the responses predicted while optimising correlate with those to match.
    pub response_correlations: Vec<f64>,
    /// The movie as it stood after some iterations.
    pub snapshots: Snapshots,
    /// What it was made with: equal settings give equal results.
    pub settings: String,
}

/// What the ensemble predicts for the movie that the animal saw, beside a reconstruction that leaves out neurons.
#[derive(Debug, Clone, PartialEq)]
pub struct TrueMoviePrediction {
    /// `[neuron, frame]`
    pub predicted_responses: Array2<f32>,
    /// What the reconstruction beside it was made with.
    pub settings: String,
}

impl TrueMoviePrediction {
    /// Writes `path`, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Failed`] when it can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_file(path, |file| {
            write(file, "predicted_responses", self.predicted_responses.view())?;
            write_text(file, "settings", &self.settings)
        })
    }

    /// Reads what [`TrueMoviePrediction::write`] wrote.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the file is damaged or something else.
    pub fn read(path: &Path) -> Result<Self> {
        read_file(path, |file| {
            Ok(Self {
                predicted_responses: file.array("predicted_responses")?,
                settings: file.text("settings")?,
            })
        })
    }
}

/// The reconstruction of one trial by the whole ensemble.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconstruction {
    /// `[frame, height, width]`, 0..255; mid-grey outside the mask.
    pub movie: Array3<f32>,
    /// `[frame, height, width]`: what the animal saw in the same frames.
    pub ground_truth: Array3<f32>,
    /// `[height, width]`: 1 where pixels are scored.
    pub mask: Array2<u8>,
    /// `[neuron, frame]`, recorded, of the whole trial.
    pub responses: Array2<f32>,
    /// `[neuron, frame]`, predicted from the unfiltered reconstruction, of the whole trial.
    pub predicted_responses: Array2<f32>,
    /// `[member, iteration]`
    pub losses: Array2<f64>,
    /// First frame of the trial that `movie` shows.
    pub first_frame: usize,
    /// Frames a second.
    pub frame_rate_hz: f64,
    /// What it was made with.
    pub settings: String,
}

impl MemberResult {
    /// Writes `path`, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Failed`] when it can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_file(path, |file| {
            write(file, "movie", self.movie.view())?;
            write(file, "losses", ArrayView::from(&self.losses))?;
            write(file, "response_correlations", ArrayView::from(&self.response_correlations))?;
            if !self.snapshots.is_empty() {
                write(file, "snapshots", self.snapshots.stacked().view())?;
                write(file, "snapshot_iterations", ArrayView::from(&self.snapshots.iterations))?;
                write(file, "snapshot_clip_gradients", ArrayView::from(&self.snapshots.clip_gradients))?;
            }
            write_text(file, "settings", &self.settings)
        })
    }

    /// Reads what [`MemberResult::write`] wrote.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the file is damaged or something else.
    pub fn read(path: &Path) -> Result<Self> {
        read_file(path, |file| {
            Ok(Self {
                movie: file.array("movie")?,
                losses: list(file.array("losses")?),
                response_correlations: list(file.array("response_correlations")?),
                snapshots: if file.has("snapshots") {
                    Snapshots::unstacked(
                        file.array("snapshots")?,
                        list(file.array("snapshot_iterations")?),
                        list(file.array("snapshot_clip_gradients")?),
                    )?
                } else {
                    Snapshots::default()
                },
                settings: file.text("settings")?,
            })
        })
    }
}

impl Reconstruction {
    /// Writes `path`, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Failed`] when it can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_file(path, |file| {
            write(file, "movie", self.movie.view())?;
            write(file, "ground_truth", self.ground_truth.view())?;
            write(file, "mask", self.mask.view())?;
            write(file, "responses", self.responses.view())?;
            write(file, "predicted_responses", self.predicted_responses.view())?;
            write(file, "losses", self.losses.view())?;
            write_text(file, "settings", &self.settings)?;
            scalar(file, "first_frame", self.first_frame as u64)?;
            scalar(file, "frame_rate_hz", self.frame_rate_hz)
        })
    }

    /// Reads what [`Reconstruction::write`] wrote, and checks that its arrays fit together.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the file is damaged or something else.
    pub fn read(path: &Path) -> Result<Self> {
        let found = read_file(path, |file| {
            Ok(Self {
                movie: file.array("movie")?,
                ground_truth: file.array("ground_truth")?,
                mask: file.array("mask")?,
                responses: file.array("responses")?,
                predicted_responses: file.array("predicted_responses")?,
                losses: file.array("losses")?,
                settings: file.text("settings")?,
                first_frame: file.number::<u64>("first_frame")? as usize,
                frame_rate_hz: file.number("frame_rate_hz")?,
            })
        })?;
        let (frames, height, width) = found.movie.dim();
        let last = found.first_frame.checked_add(frames);
        let fits = found.movie.dim() == found.ground_truth.dim()
            && found.mask.dim() == (height, width)
            && found.responses.dim() == found.predicted_responses.dim()
            && last.is_some_and(|last| last <= found.responses.ncols())
            && found.frame_rate_hz.is_finite()
            && found.frame_rate_hz > 0.0;
        if !fits {
            return Err(Error::invalid(
                path,
                "its arrays don't fit together; delete it and reconstruct again",
            ));
        }
        Ok(found)
    }

    /// Where pixels are scored.
    pub fn scored(&self) -> Array2<bool> {
        self.mask.mapv(|m| m != 0)
    }

    /// Averages the losses over members: one for each iteration.
    pub fn mean_losses(&self) -> Array1<f64> {
        self.losses.mean_axis(ndarray::Axis(0)).unwrap_or_default()
    }
}

/// Reads what a result was made with, and nothing else of it.
///
/// # Errors
/// [`Error::Invalid`] when the file is damaged or something else.
pub fn read_settings(path: &Path) -> Result<String> {
    read_file(path, |file| file.text("settings"))
}

fn write_file(path: &Path, fill: impl FnOnce(&File) -> hdf5::Result<()>) -> Result<()> {
    atomic::write_file(path, |temporary| {
        let write = || -> hdf5::Result<()> {
            let file = hdf5_file::create(temporary)?;
            fill(&file)?;
            file.close()
        };
        write().map_err(|e| Error::Failed(format!("{}: can't be written: {e}", path.display())))
    })
}

fn read_file<T>(path: &Path, take: impl FnOnce(&Hdf5File) -> Result<T, String>) -> Result<T> {
    Hdf5File::open(path).and_then(|file| take(&file)).map_err(|problem| {
        Error::invalid(path, format!("is no reconstruction, or damaged: {problem}; delete it and run again"))
    })
}

fn list<T>(values: Array1<T>) -> Vec<T> {
    values.into_raw_vec_and_offset().0
}

fn write<T: H5Type + Clone, D: Dimension>(
    file: &File,
    name: &str,
    array: ArrayView<T, D>,
) -> hdf5::Result<()> {
    file.new_dataset_builder().with_data(&array.as_standard_layout()).create(name).map(|_| ())
}

fn scalar<T: H5Type>(file: &File, name: &str, value: T) -> hdf5::Result<()> {
    file.new_attr::<T>().create(name)?.write_scalar(&value)
}
