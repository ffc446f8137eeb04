//! A movie that was decoded linearly, on disk: training the decoder of a large recording takes minutes.

use std::path::Path;

use ndarray::{Array3, ArrayView3};

use super::movie::MovieDecoder;
use crate::atomic;
use crate::data::input::Geometry;
use crate::error::{Error, Result};
use crate::hdf5_file::{self, Hdf5File, write_text};
use crate::reconstruct::{Reconstruction, ReconstructionConfig, postprocess};

/// What a linear decoder made of one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// `[frame, height, width]`, the whole trial as it came out.
    pub movie: Array3<f32>,
    /// Strength of the decoder's penalty.
    pub strength: f64,
    /// Frames that the decoder was trained on.
    pub frames: usize,
    /// What it was made with.
    pub settings: String,
}

impl Decoded {
    /// Decodes a trial's responses, `[neuron, frame]`.
    pub fn new(decoder: &MovieDecoder, responses: ndarray::ArrayView2<f32>, settings: &str) -> Self {
        Self {
            movie: decoder.decode(responses),
            strength: decoder.strength,
            frames: decoder.frames,
            settings: settings.to_string(),
        }
    }

    /// Shows the movie as a reconstruction of the same trial is shown: the same frames, filter and mask.
    pub fn shown_as(
        &self,
        result: &Reconstruction,
        geometry: Geometry,
        config: &ReconstructionConfig,
    ) -> Array3<f32> {
        let movie = geometry.embed(self.movie.view());
        postprocess::finish(&[movie.view()], geometry, &result.scored(), config)
    }

    /// Writes `path`, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Failed`] when it can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        atomic::write_file(path, |temporary| {
            let write = || -> hdf5::Result<()> {
                let file = hdf5_file::create(temporary)?;
                let movie: ArrayView3<f32> = self.movie.view();
                file.new_dataset_builder().with_data(&movie.as_standard_layout()).create("movie")?;
                file.new_attr::<f64>().create("strength")?.write_scalar(&self.strength)?;
                file.new_attr::<u64>().create("training_frames")?.write_scalar(&(self.frames as u64))?;
                write_text(&file, "settings", &self.settings)?;
                file.close()
            };
            write().map_err(|e| Error::Failed(format!("{}: can't be written: {e}", path.display())))
        })
    }

    /// Reads what [`Decoded::write`] wrote.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the file is damaged or something else.
    pub fn read(path: &Path) -> Result<Self> {
        let read = |file: Hdf5File| -> Result<Self, String> {
            Ok(Self {
                movie: file.array("movie")?,
                strength: file.number("strength")?,
                frames: file.number::<u64>("training_frames")? as usize,
                settings: file.text("settings")?,
            })
        };
        Hdf5File::open(path).and_then(read).map_err(|problem| {
            let what = "is no decoded movie, or damaged";
            Error::invalid(path, format!("{what}: {problem}; delete it and evaluate again"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoded_movie_reads_back_and_another_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("decoded.h5");
        let movie = Array3::from_shape_fn((5, 2, 3), |(t, y, x)| (6 * t + 3 * y + x) as f32);
        let decoded = Decoded { movie, strength: 0.3, frames: 700, settings: "{}".into() };
        decoded.write(&path).unwrap();
        assert_eq!(Decoded::read(&path).unwrap(), decoded);
        std::fs::write(&path, "no HDF5").unwrap();
        let said = Decoded::read(&path).unwrap_err().to_string();
        assert!(said.contains("decoded.h5") && said.contains("evaluate again"), "{said}");
    }
}
