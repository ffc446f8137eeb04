//! Writes a mouse of `.npy` files to one HDF5 file.

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;

use hdf5::{File, H5Type};
use ndarray::{Array1, ArrayD, ArrayViewD, IxDyn};

use super::{COORDINATES, FORMAT, FRAMES, TIERS, Text, UNIT_IDS, dataset};
use crate::atomic;
use crate::data::format::npy_array::NpyArray;
use crate::data::format::npy_tree::{self, Array, STATISTICS, statistics_folder};
use crate::data::mouse::{Mouse, Storage, TrialSummary};
use crate::data::trial::TrialId;
use crate::error::{Error, Result};
use crate::hdf5_file::unlocked;

/// Frames that are compressed together: half of a clip of DwiseNeuro, so that a clip touches three parts at
/// most and brings little along that it has no use for.
const FRAMES_A_CHUNK: usize = 16;

/// Of zlib's 0 to 9: the higher ones take several times as long and save little here.
const DEFLATE: u8 = 4;

/// Writes `mouse` to the file `out`, whole or not at all, and every value checked; compressed without loss if
/// asked for.
///
/// Plain files are fast to read, compressed ones are smaller. Values are kept as [`Mouse`] reads them: floats of
/// 8 bytes become floats of 4, movies of whole numbers bytes. Statistics are copied, or computed where there are
/// none. `progress` is told the number of each trial before it is written.
///
/// # Errors
/// [`Error::Usage`] when the mouse is in one file already; [`Error::Invalid`] when a trial is damaged or the file
/// can't be written.
pub fn convert(mouse: &Mouse, out: &Path, compress: bool, mut progress: impl FnMut(TrialId)) -> Result<()> {
    if !matches!(mouse.storage, Storage::NpyTree) {
        let path = mouse.root.display();
        return Err(Error::usage(format!("{path} is one file already; give the folder that it was made of")));
    }
    atomic::write_file(out, |path| {
        // The newest form keeps a checksum of all but the data.
        let file = unlocked().with_fapl(|access| access.libver_latest()).create(path);
        let writer = Writer { path: out, file: file.map_err(|e| failed(out, &e))?, compress };
        writer.meta(mouse)?;
        for summary in &mouse.trials {
            progress(summary.id);
            writer.trial(mouse, summary)?;
        }
        writer.statistics(mouse)?;
        writer.file.flush().and_then(|()| writer.file.close()).map_err(|e| failed(out, &e))
    })
}

fn failed(path: &Path, error: &hdf5::Error) -> Error {
    Error::invalid(path, format!("HDF5 could not write it: {}", error.to_string().replace('\n', " ")))
}

struct Writer<'a> {
    path: &'a Path,
    file: File,
    compress: bool,
}

impl Writer<'_> {
    fn meta(&self, mouse: &Mouse) -> Result<()> {
        let format = self.text(FORMAT)?;
        let attribute = || self.file.new_attr::<Text>().shape(()).create("format")?.write_scalar(&format);
        attribute().map_err(|e| failed(self.path, &e))?;
        let tiers = mouse.trials.iter().map(|trial| self.text(&trial.tier.0)).collect::<Result<Vec<_>>>()?;
        self.write(TIERS, Array1::from(tiers).into_dyn().view(), false)?;
        let frames: Array1<u64> = mouse.trials.iter().map(|trial| trial.frames as u64).collect();
        self.write(FRAMES, frames.into_dyn().view(), false)?;
        if let Some(ids) = &mouse.unit_ids {
            self.write(UNIT_IDS, Array1::from(ids.clone()).into_dyn().view(), false)?;
        }
        if let Some(coordinates) = &mouse.cell_motor_coordinates {
            self.write(COORDINATES, coordinates.view().into_dyn(), false)?;
        }
        Ok(())
    }

    fn trial(&self, mouse: &Mouse, summary: &TrialSummary) -> Result<()> {
        if !summary.withheld {
            // Looks past the end, too.
            mouse.read_trial(summary.id)?;
        }
        let frames: Vec<usize> = (0..summary.frames).collect();
        let movie = mouse.read_movie(summary.id)?.into_dyn();
        let name = dataset(Array::Movie, summary.id);
        match bytes(&movie) {
            Some(bytes) => self.write(&name, bytes.view(), self.compress)?,
            None => self.write(&name, movie.view(), self.compress)?,
        }
        for array in [Array::Responses, Array::Behavior, Array::PupilCenter] {
            if array == Array::Responses && summary.withheld {
                continue;
            }
            let rows = npy_tree::gather(mouse, array, summary, &frames)?;
            if rows.nrows() > 0 {
                let by_frame = rows.t().as_standard_layout().into_owned().into_dyn();
                self.write(&dataset(array, summary.id), by_frame.view(), self.compress)?;
            }
        }
        Ok(())
    }

    fn statistics(&self, mouse: &Mouse) -> Result<()> {
        let trials: BTreeSet<TrialId> = mouse.trials.iter().map(|trial| trial.id).collect();
        for array in Array::ALL {
            let folder = statistics_folder(&mouse.root, array);
            let files = STATISTICS.map(|name| folder.join(format!("{name}.npy")));
            let write = |k: usize, shape: &[usize], values: Vec<f32>| {
                let values = ArrayD::from_shape_vec(IxDyn(shape), values).expect("a value for each element");
                let name = format!("meta/statistics/{}/all/{}", array.folder(), STATISTICS[k]);
                self.write(&name, values.view(), self.compress)
            };
            if files.iter().all(|file| file.is_file()) {
                for (k, file) in files.iter().enumerate() {
                    let map = NpyArray::open(file)?;
                    map.require_number()?;
                    if !matches!(map.shape().len(), 2 | 3) || map.shape().contains(&0) {
                        let problem = format!("shape {:?}; expected that of {}", map.shape(), array.folder());
                        return Err(Error::invalid(file, problem));
                    }
                    let rows = (0..map.rows()).flat_map(|row| (0..map.frames()).map(move |at| (row, at)));
                    write(k, map.shape(), rows.map(|(row, frame)| map.at(row, frame)).collect())?;
                }
            } else if let Some((shape, summaries)) =
                npy_tree::compute_statistics(&mouse.root, array, &trials)?
                    .filter(|(shape, _)| !shape.contains(&0))
            {
                for k in 0..STATISTICS.len() {
                    write(k, &shape, summaries.iter().map(|summary| summary[k]).collect())?;
                }
            }
        }
        Ok(())
    }

    fn text(&self, text: &str) -> Result<Text> {
        if text.len() >= size_of::<Text>() {
            return Err(Error::invalid(self.path, format!("\"{text}\" is too long to be a tier")));
        }
        Text::from_str(text).map_err(|e| Error::invalid(self.path, format!("\"{text}\": {e}")))
    }

    fn write<T: H5Type>(&self, name: &str, values: ArrayViewD<'_, T>, compress: bool) -> Result<()> {
        let mut chunk = values.shape().to_vec();
        let builder = self.file.new_dataset_builder();
        let written = if compress {
            chunk[0] = chunk[0].min(FRAMES_A_CHUNK);
            builder.chunk(chunk).shuffle().deflate(DEFLATE).with_data(values).create(name)
        } else {
            builder.no_chunk().with_data(values).create(name)
        };
        written.map(drop).map_err(|e| failed(self.path, &e))
    }
}

/// Turns values into bytes if that loses nothing, not even the sign of a zero.
fn bytes(values: &ArrayD<f32>) -> Option<ArrayD<u8>> {
    let same = |&value: &f32| f32::from(value as u8).to_bits() == value.to_bits();
    values.iter().all(same).then(|| values.mapv(|value| value as u8))
}
