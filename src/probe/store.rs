//! What a probe found, on disk: HDF5, with the settings it was found with, so that the same is not asked twice.

use std::path::Path;

use hdf5::{File, H5Type};
use ndarray::{Array1, Array2, ArrayView, Dimension};

use super::receptive_field::{FieldSummary, ReceptiveFields};
use super::tuning::GratingResponses;
use crate::atomic;
use crate::error::{Error, Result};
use crate::hdf5_file::{self, Hdf5File, write_text};

impl ReceptiveFields {
    /// Writes `path`: `fields` `[neuron, (bright, dark), height, width]` and, one a neuron, `center_px` and `sigma_px`
    /// (x, y), `lag_frames`, `signal_to_noise`, `reliability`.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, path: &Path, settings: &str) -> Result<()> {
        let pairs = |of: fn(&FieldSummary) -> [f64; 2]| {
            Array2::from_shape_fn((self.neurons.len(), 2), |(neuron, axis)| of(&self.neurons[neuron])[axis])
        };
        let column = |of: fn(&FieldSummary) -> f64| self.neurons.iter().map(of).collect::<Array1<f64>>();
        write_file(path, |file| {
            write(file, "fields", self.fields.view())?;
            write(file, "center_px", pairs(|n| n.center_px).view())?;
            write(file, "sigma_px", pairs(|n| n.sigma_px).view())?;
            write(file, "lag_frames", column(|n| n.lag_frames as f64).view())?;
            write(file, "signal_to_noise", column(|n| n.signal_to_noise).view())?;
            write(file, "reliability", column(|n| n.reliability).view())?;
            write_text(file, "settings", settings)
        })
    }

    /// Reads what was found with these settings; `None` when nothing was yet, or with other ones.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the file is damaged.
    pub fn read(path: &Path, settings: &str) -> Result<Option<Self>> {
        read_file(path, settings, |file| {
            let fields = file.array("fields")?;
            let (center, sigma): (Array2<f64>, Array2<f64>) =
                (file.array("center_px")?, file.array("sigma_px")?);
            let columns = ["lag_frames", "signal_to_noise", "reliability"].map(|name| file.array(name));
            let [lag, signal, reliability]: [Result<Array1<f64>, String>; 3] = columns;
            let (lag, signal, reliability) = (lag?, signal?, reliability?);
            let found = Self { fields, neurons: Vec::new() };
            let count = found.fields.dim().0;
            if [center.dim(), sigma.dim()] != [(count, 2); 2]
                || [lag.len(), signal.len(), reliability.len()] != [count; 3]
                || found.fields.dim().1 != 2
            {
                return Err("its arrays don't fit together".into());
            }
            let summary = |n: usize| FieldSummary {
                center_px: [center[[n, 0]], center[[n, 1]]],
                sigma_px: [sigma[[n, 0]], sigma[[n, 1]]],
                lag_frames: lag[n] as usize,
                signal_to_noise: signal[n],
                reliability: reliability[n],
            };
            Ok(Self { neurons: (0..count).map(summary).collect(), ..found })
        })
    }
}

impl GratingResponses {
    /// Writes `path`: `responses` `[neuron, direction, spatial frequency, temporal frequency]`, `blank` `[neuron]`, and
    /// the axes `directions_rad`, `spatial_frequencies` (cycles a pixel), `temporal_frequencies` (cycles a second).
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, path: &Path, settings: &str) -> Result<()> {
        write_file(path, |file| {
            write(file, "responses", self.responses.view())?;
            write(file, "blank", self.blank.view())?;
            write(file, "directions_rad", ArrayView::from(&self.directions_rad))?;
            write(file, "spatial_frequencies", ArrayView::from(&self.spatial_frequencies))?;
            write(file, "temporal_frequencies", ArrayView::from(&self.temporal_frequencies))?;
            write_text(file, "settings", settings)
        })
    }

    /// Reads what was found with these settings; `None` when nothing was yet, or with other ones.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the file is damaged.
    pub fn read(path: &Path, settings: &str) -> Result<Option<Self>> {
        read_file(path, settings, |file| {
            let axis = |name: &str| file.array::<f64, ndarray::Ix1>(name).map(|values| values.to_vec());
            let found = Self {
                responses: file.array("responses")?,
                blank: file.array("blank")?,
                directions_rad: axis("directions_rad")?,
                spatial_frequencies: axis("spatial_frequencies")?,
                temporal_frequencies: axis("temporal_frequencies")?,
            };
            let [directions, space, time] =
                [&found.directions_rad, &found.spatial_frequencies, &found.temporal_frequencies]
                    .map(Vec::len);
            let fits = found.responses.dim() == (found.blank.len(), directions, space, time);
            if fits { Ok(found) } else { Err("its arrays don't fit together".into()) }
        })
    }
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

fn read_file<T>(
    path: &Path,
    settings: &str,
    take: impl FnOnce(&Hdf5File) -> Result<T, String>,
) -> Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let read = || -> Result<Option<T>, String> {
        let file = Hdf5File::open(path)?;
        if file.text("settings")? != settings {
            return Ok(None);
        }
        take(&file).map(Some)
    };
    read().map_err(|problem| {
        Error::invalid(path, format!("is no probe, or damaged: {problem}; delete it and probe again"))
    })
}

fn write<T: H5Type + Clone, D: Dimension>(
    file: &File,
    name: &str,
    array: ArrayView<T, D>,
) -> hdf5::Result<()> {
    file.new_dataset_builder().with_data(&array.as_standard_layout()).create(name).map(|_| ())
}
