//! Writes `truth.h5`: what the simulated responses were to be expected to be, and the neurons' parameters.
//! Reads back what was to be expected, because it is the most that a model can predict.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use hdf5::types::VarLenUnicode;
use ndarray::{Array1, Array2};

use super::TRUTH_FILE;
use super::config::SimulationConfig;
use super::neuron::Neuron;
use crate::data::TrialId;
use crate::error::{Error, Result};
use crate::hdf5_file::{self, Hdf5File};

/// Writes the truth about one mouse:
/// `expected/N` `[neuron, frame]` for each trial `N`, `neurons/*` `[neuron]` or `[neuron, axis]`, and the
/// settings as attributes `seed`, `config` (TOML) and `version`.
pub(super) struct TruthWriter {
    path: PathBuf,
    file: hdf5::File,
    expected: hdf5::Group,
}

impl TruthWriter {
    /// Creates the file and writes everything but the trials.
    pub(super) fn create(path: &Path, config: &SimulationConfig, neurons: &[Neuron]) -> Result<Self> {
        let toml = toml::to_string(config)
            .map_err(|e| Error::Failed(format!("the settings can't be written as TOML: {e}")))?;
        let begin = || -> hdf5::Result<(hdf5::File, hdf5::Group)> {
            let file = hdf5_file::create(path)?;
            for (name, text) in
                [("seed", config.seed.as_str()), ("config", &toml), ("version", env!("CARGO_PKG_VERSION"))]
            {
                let text = VarLenUnicode::from_str(text).map_err(|e| e.to_string())?;
                file.new_attr::<VarLenUnicode>().shape(()).create(name)?.write_scalar(&text)?;
            }
            write_neurons(&hdf5_file::create_group(&file, "neurons")?, neurons)?;
            let expected = hdf5_file::create_group(&file, "expected")?;
            Ok((file, expected))
        };
        let (file, expected) = begin().map_err(|e| failed(path, &e))?;
        Ok(Self { path: path.to_path_buf(), file, expected })
    }

    /// Adds the expected responses of a trial, `[neuron, frame]`.
    pub(super) fn write_trial(&self, id: TrialId, expected: &Array2<f32>) -> Result<()> {
        self.expected
            .new_dataset_builder()
            .with_data(expected)
            .create(id.to_string().as_str())
            .map(drop)
            .map_err(|e| failed(&self.path, &e))
    }

    /// Flushes and closes the file.
    pub(super) fn finish(self) -> Result<()> {
        self.file.flush().and_then(|()| self.file.close()).map_err(|e| failed(&self.path, &e))
    }
}

/// What was to be expected of a simulated mouse.
#[derive(Debug)]
pub struct Truth {
    path: PathBuf,
    file: Hdf5File,
}

impl Truth {
    /// Opens the truth about a mouse, in its folder or beside its file; `None` when it is none of ours.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the file can't be opened as HDF5.
    pub fn open(mouse: &Path) -> Result<Option<Self>> {
        let path = truth_file(mouse);
        if !path.exists() {
            return Ok(None);
        }
        let file = Hdf5File::open(&path).map_err(|e| unreadable(&path, &e))?;
        Ok(Some(Self { path, file }))
    }

    /// Reads the responses that were to be expected of a trial, knowing its movie and behavior and nothing
    /// of its noise: `[neuron, frame]`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when they are not there.
    pub fn expected(&self, id: TrialId) -> Result<Array2<f32>> {
        self.file.array(&format!("expected/{id}")).map_err(|e| unreadable(&self.path, &e))
    }

    /// Reads a parameter of every neuron, such as `running_gain`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not there.
    pub fn neurons(&self, name: &str) -> Result<Vec<f32>> {
        let values: Array1<f32> =
            self.file.array(&format!("neurons/{name}")).map_err(|e| unreadable(&self.path, &e))?;
        Ok(values.to_vec())
    }

    /// Reads the centres of the neurons' receptive fields, `[neuron, (x, y)]`, in pixels.
    ///
    /// # Errors
    /// [`Error::Invalid`] when they are not there.
    pub fn centers_px(&self) -> Result<Array2<f32>> {
        let centers: Array2<f32> =
            self.file.array("neurons/center_px").map_err(|e| unreadable(&self.path, &e))?;
        if centers.ncols() == 2 {
            return Ok(centers);
        }
        Err(unreadable(
            &self.path,
            &format!("neurons/center_px has {} columns, expected x and y", centers.ncols()),
        ))
    }
}

/// Says where the truth about a mouse is: in its folder, or beside its file as `NAME.truth.h5`.
pub fn truth_file(mouse: &Path) -> PathBuf {
    if mouse.extension().is_some_and(|extension| extension == "h5") && !mouse.is_dir() {
        mouse.with_extension(TRUTH_FILE)
    } else {
        mouse.join(TRUTH_FILE)
    }
}

fn unreadable(path: &Path, problem: &str) -> Error {
    Error::invalid(
        path,
        format!("is not the truth about this mouse, or damaged: {problem}; simulate it anew"),
    )
}

fn failed(path: &Path, error: &hdf5::Error) -> Error {
    Error::invalid(path, format!("HDF5 could not write it: {error}"))
}

fn write_neurons(group: &hdf5::Group, neurons: &[Neuron]) -> hdf5::Result<()> {
    type Scalar = fn(&Neuron) -> f32;
    let scalars: [(&str, Scalar); 13] = [
        ("orientation_rad", |n| n.orientation_rad),
        ("spatial_frequency_cycles_per_px", |n| n.cycles_per_px),
        ("phase_rad", |n| n.phase_rad),
        ("tau_s", |n| n.tau_s),
        ("transience", |n| n.transience),
        ("direction_selectivity", |n| n.direction_selectivity),
        ("complexity", |n| n.complexity),
        ("threshold", |n| n.threshold),
        ("exponent", |n| n.exponent),
        ("rate_hz", |n| n.rate_hz),
        ("running_gain", |n| n.running_gain),
        ("pupil_gain", |n| n.pupil_gain),
        ("calcium_tau_s", |n| n.calcium_tau_s),
    ];
    for (name, value) in scalars {
        let values: Array1<f32> = neurons.iter().map(value).collect();
        group.new_dataset_builder().with_data(&values).create(name)?;
    }
    let write = |name: &str, axes: usize, value: &dyn Fn(&Neuron, usize) -> f32| {
        let values = Array2::from_shape_fn((neurons.len(), axes), |(n, axis)| value(&neurons[n], axis));
        group.new_dataset_builder().with_data(&values).create(name).map(drop)
    };
    write("center_px", 2, &|n, axis| n.center_px[axis])?;
    write("envelope_px", 2, &|n, axis| n.envelope_px[axis])?;
    write("position_um", 3, &|n, axis| n.position_um[axis])?;
    write("shared_loading", 3, &|n, axis| n.shared_loading[axis])
}
