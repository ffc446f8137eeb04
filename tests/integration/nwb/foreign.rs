//! Files as others write them, made group by group.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use hdf5::types::VarLenUnicode;
use hdf5::{Group, ObjectReference1};
use ndarray::{Array1, Array2, Array3, ArrayView, Dimension, s};
use tempfile::TempDir;
use v1reel::data::format::nwb::{ImportOptions, Recording};
use v1reel::error::Result;
use v1reel::hdf5_file::unlocked;

/// An NWB file that is made group by group, with what the test wants in it.
pub struct Foreign {
    pub file: hdf5::File,
}

/// When a series was sampled.
#[derive(Clone)]
pub enum Times {
    Rate(f64, f64),
    Stamps(Vec<f64>),
}

impl Times {
    pub fn list(&self, count: usize) -> Vec<f64> {
        match self {
            Self::Rate(start, rate) => (0..count).map(|n| start + n as f64 / rate).collect(),
            Self::Stamps(times) => times.clone(),
        }
    }
}

impl Foreign {
    pub fn new(path: &Path) -> Self {
        let file = unlocked().create(path).unwrap();
        text(&file, "nwb_version", "2.6.0");
        text(&file, "neurodata_type", "NWBFile");
        for group in ["acquisition", "processing", "intervals", "stimulus", "stimulus/presentation"] {
            file.create_group(group).unwrap();
        }
        Self { file }
    }

    pub fn group(&self, path: &str, kind: &str) -> Group {
        let mut group = self.file.as_group().unwrap();
        for part in path.split('/') {
            group =
                if group.link_exists(part) { group.group(part) } else { group.create_group(part) }.unwrap();
        }
        if group.attr("neurodata_type").is_err() {
            text(&group, "neurodata_type", kind);
        }
        group
    }

    /// Adds a series whose values mean `conversion * stored + offset`.
    pub fn series<T: hdf5::H5Type, D: Dimension>(
        &self,
        path: &str,
        kind: &str,
        data: ArrayView<'_, T, D>,
        times: &Times,
        scale: Option<(f64, f64)>,
    ) -> Group {
        let group = self.group(path, kind);
        let data = group.new_dataset_builder().with_data(data).create("data").unwrap();
        text(&data, "unit", "n.a.");
        if let Some((conversion, offset)) = scale {
            // As f32, which the schema has; others write f64.
            data.new_attr::<f32>().create("conversion").unwrap().write_scalar(&(conversion as f32)).unwrap();
            data.new_attr::<f64>().create("offset").unwrap().write_scalar(&offset).unwrap();
        }
        match times {
            Times::Rate(start, rate) => {
                let starting = group.new_dataset::<f64>().create("starting_time").unwrap();
                starting.write_scalar(start).unwrap();
                starting.new_attr::<f32>().create("rate").unwrap().write_scalar(&(*rate as f32)).unwrap();
            }
            Times::Stamps(times) => {
                group.new_dataset_builder().with_data(times).create("timestamps").unwrap();
            }
        }
        group
    }

    /// Adds responses of as many cells as `data` has columns, and their table.
    pub fn responses(
        &self,
        path: &str,
        table: &str,
        data: &Array2<f32>,
        times: &Times,
        scale: Option<(f64, f64)>,
    ) {
        let cells = self.group(table, "PlaneSegmentation");
        if !cells.link_exists("id") {
            let ids: Vec<i32> = (0..data.ncols() as i32).map(|n| 10 * n).collect();
            cells.new_dataset_builder().with_data(&ids).create("id").unwrap();
        }
        let series = self.series(path, "RoiResponseSeries", data.view(), times, scale);
        // Backwards, so that rows of the table are not those of the data.
        let rows: Vec<u8> = (0..data.ncols() as u8).rev().collect();
        let rois = series.new_dataset_builder().with_data(&rows).create("rois").unwrap();
        let reference = self.file.reference::<ObjectReference1>(&format!("/{table}")).unwrap();
        rois.new_attr::<ObjectReference1>().create("table").unwrap().write_scalar(&reference).unwrap();
    }

    pub fn trials(&self, name: &str, rows: &[(f64, f64, &str)]) {
        let table = self.group(&format!("intervals/{name}"), "TimeIntervals");
        let column = |name: &str, values: Vec<f64>| {
            table.new_dataset_builder().with_data(&values).create(name).unwrap();
        };
        column("start_time", rows.iter().map(|row| row.0).collect());
        column("stop_time", rows.iter().map(|row| row.1).collect());
        let tiers: Array1<VarLenUnicode> =
            rows.iter().map(|row| VarLenUnicode::from_str(row.2).unwrap()).collect();
        table.new_dataset_builder().with_data(&tiers).create("tier").unwrap();
    }
}

pub fn text(of: &hdf5::Location, name: &str, value: &str) {
    let value = VarLenUnicode::from_str(value).unwrap();
    of.new_attr::<VarLenUnicode>().create(name).unwrap().write_scalar(&value).unwrap();
}

pub const CELLS: &str = "processing/ophys/ImageSegmentation/PlaneSegmentation";
pub const RESPONSES: &str = "processing/ophys/DfOverF/RoiResponseSeries";
pub const MOVIE: &str = "stimulus/presentation/movie";
pub const RUNNING: &str = "processing/behavior/BehavioralTimeSeries/running_speed";
pub const PUPIL: &str = "processing/behavior/PupilTracking/pupil_size";
pub const CENTER: &str = "processing/behavior/EyeTracking/eye";

/// What the responses mean at a time: a line for each neuron.
pub fn response(neuron: usize, time: f64) -> f64 {
    1.0 + neuron as f64 + 0.25 * time
}

/// Pixel (x, y) of stored frame `k`.
pub fn pixel(k: usize, y: usize, x: usize) -> u8 {
    ((k * 3 + y * 40 + x * 5) % 250) as u8
}

/// Writes a whole file of others, 30 s long; `skip` leaves parts out.
pub fn write_foreign(path: &Path, skip: &[&str]) -> Foreign {
    let foreign = Foreign::new(path);
    let want = |part: &str| !skip.contains(&part);
    if want("responses") {
        // 7.5 Hz from 0.1 s on; stored as (meaning - 2) / 0.5.
        let times = Times::Rate(0.1, 7.5);
        let data = Array2::from_shape_fn((230, 3), |(t, n)| {
            ((response(n, 0.1 + t as f64 / 7.5) - 2.0) / 0.5) as f32
        });
        foreign.responses(RESPONSES, CELLS, &data, &times, Some((0.5, 2.0)));
    }
    if want("running") {
        // 120 Hz with jittered stamps, as whole thousandths.
        let stamps: Vec<f64> =
            (0..3600).map(|n| f64::from(n) / 120.0 + f64::from(n * 7919 % 13) * 2e-4).collect();
        let data: Array1<i32> = stamps.iter().map(|t| (t * 2000.0).round() as i32).collect();
        foreign.series(RUNNING, "TimeSeries", data.view(), &Times::Stamps(stamps), Some((0.001, 0.0)));
    }
    if want("pupil") {
        let times = Times::Rate(0.0, 25.0);
        let list = times.list(751);
        let mut size: Array1<f64> = list.iter().map(|t| 40.0 + t).collect();
        // From 12 s on, in the second trial.
        size.slice_mut(s![300..310]).fill(f64::NAN);
        foreign.series(PUPIL, "TimeSeries", size.view(), &times, None);
        let place = Array2::from_shape_fn((751, 2), |(n, axis)| 100.0 + 50.0 * axis as f64 - list[n]);
        foreign.series(CENTER, "SpatialSeries", place.view(), &times, None);
    }
    if want("movie") {
        let data = Array3::from_shape_fn((900, 8, 6), |(k, x, y)| pixel(k, y, x));
        foreign.series(MOVIE, "ImageSeries", data.view(), &Times::Rate(0.0, 30.0), None);
    }
    if want("trials") {
        foreign.trials("trials", &[(1.0, 6.0, "train"), (10.0, 15.0, "oracle"), (20.0, 25.0, "")]);
    }
    foreign
}

pub fn foreign(skip: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign.nwb");
    write_foreign(&path, skip);
    (folder, path)
}

pub fn open(path: &Path) -> Result<Recording> {
    Recording::open(path, &ImportOptions::default())
}
