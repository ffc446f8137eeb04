//! Recordings as NWB files: what is written comes back, files of others are read as they mean, and what a file
//! lacks is said.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::Mutex;

use hdf5::types::VarLenUnicode;
use hdf5::{Group, ObjectReference1};
use ndarray::{Array1, Array2, Array3, ArrayView, Dimension, s};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tempfile::TempDir;
use v1reel::data::format::npy_tree::{Meta, Writer};
use v1reel::data::format::nwb::{
    Choice, ExportOptions, FrameAxes, ImportOptions, Imported, ReconstructedMovie, Recording, export, import,
};
use v1reel::data::{Mouse, Tier, Trial, TrialId};
use v1reel::error::Result;
use v1reel::event::{Event, Observer, Silent};
use v1reel::hdf5_file::unlocked;

const NEURONS: usize = 5;

/// Keeps what was said.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn emit(&self, event: Event) {
        if let Event::Note { message } | Event::Warning { message } = event {
            self.0.lock().unwrap().push(message);
        }
    }
}

impl Heard {
    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

/// A trial of values that f32 holds with all its bits, or of whole grey levels.
fn trial(id: u32, frames: usize, rows: [usize; 2], whole: bool) -> Trial {
    let at = |a: usize, b: usize| (a * 31 + b * 7 + id as usize * 13) % 200;
    let pixel = |at: usize| if whole { at as f32 } else { at as f32 / 0.9 };
    Trial {
        id: TrialId(id),
        movie: Array3::from_shape_fn((frames, 6, 8), |(t, y, x)| pixel(at(t, y * 8 + x))),
        responses: Array2::from_shape_fn((NEURONS, frames), |(n, t)| at(n, t) as f32 / 7.0),
        behavior: Array2::from_shape_fn((rows[0], frames), |(r, t)| at(r, t) as f32 / 3.0),
        pupil_center: Array2::from_shape_fn((rows[1], frames), |(r, t)| at(t, r) as f32 / 11.0),
    }
}

/// Writes a mouse of three trials, the second one shorter.
fn write_mouse(root: &Path, rows: [usize; 2], whole: bool) -> Vec<Trial> {
    let lengths = [40, 37, 40].into_iter().zip(0u32..);
    let trials: Vec<Trial> = lengths.map(|(frames, id)| trial(id, frames, rows, whole)).collect();
    let mut writer = Writer::create(root).unwrap();
    trials.iter().for_each(|trial| writer.write_trial(trial, 44).unwrap());
    let meta = Meta {
        tiers: ["train", "oracle", "live_test_main"].map(|tier| Tier(tier.into())).to_vec(),
        unit_ids: vec![105, 3, 7, 1_000_000, 12],
        cell_motor_coordinates: Array2::from_shape_fn((NEURONS, 3), |(n, axis)| (n * 10 + axis) as f32 / 3.0),
    };
    writer.finish(&meta).unwrap();
    trials
}

fn exported(mouse: &Path, out: &Path) {
    export(&Mouse::open(mouse).unwrap(), &[], out, &ExportOptions::default(), &Silent).unwrap();
}

/// Asserts that `result` is an error of one line that says all of `words`.
fn assert_refused<T: std::fmt::Debug>(result: Result<T>, words: &[&str]) {
    let message = result.unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

#[test]
fn a_mouse_comes_back_from_nwb_as_it_was() {
    for (rows, whole) in [([2, 2], true), ([2, 2], false), ([0, 0], true), ([2, 1], true)] {
        let folder = tempfile::tempdir().unwrap();
        let [mouse, file, back] = ["mouse", "file.nwb", "back"].map(|name| folder.path().join(name));
        let trials = write_mouse(&mouse, rows, whole);
        exported(&mouse, &file);
        let imported = import(&file, &back, &ImportOptions::default(), &Silent).unwrap();
        assert_eq!((imported.trials, imported.neurons, imported.behavior_rows), (3, NEURONS, rows));
        let (before, after) = (Mouse::open(&mouse).unwrap(), Mouse::open(&back).unwrap());
        assert_eq!(after.trials, before.trials);
        assert_eq!(after.unit_ids, before.unit_ids);
        assert_eq!(after.cell_motor_coordinates, before.cell_motor_coordinates);
        for trial in &trials {
            assert_eq!(&after.read_trial(trial.id).unwrap(), trial, "{rows:?} {whole}");
        }
        let stored = unlocked().open(&file).unwrap().dataset("stimulus/presentation/movie/data").unwrap();
        assert_eq!(stored.dtype().unwrap().is::<u8>(), whole, "grey levels are bytes where they can be");
    }
}

#[test]
fn the_same_recording_gives_the_same_bytes_and_another_one_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_mouse(&path("mouse"), [2, 2], true);
    exported(&path("mouse"), &path("a.nwb"));
    // HDF5 dates objects to the second unless it is told not to.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    exported(&path("mouse"), &path("b.nwb"));
    let bytes = |name: &str| std::fs::read(path(name)).unwrap();
    assert!(bytes("a.nwb") == bytes("b.nwb"));
    write_mouse(&path("other/mouse"), [2, 2], false);
    exported(&path("other/mouse"), &path("c.nwb"));
    let identifier = |name: &str| {
        let file = unlocked().open(path(name)).unwrap();
        file.dataset("identifier").unwrap().read_scalar::<VarLenUnicode>().unwrap().to_string()
    };
    assert_eq!(identifier("a.nwb").len(), 36);
    assert_ne!(identifier("a.nwb"), identifier("c.nwb"));
}

#[test]
fn withheld_trials_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let [mouse, file, back] = ["mouse", "file.nwb", "back"].map(|name| folder.path().join(name));
    let trials = write_mouse(&mouse, [2, 2], true);
    std::fs::remove_file(mouse.join("data/responses/2.npy")).unwrap();
    let heard = Heard::default();
    let opened = Mouse::open(&mouse).unwrap();
    let made = export(&opened, &[], &file, &ExportOptions::default(), &heard).unwrap();
    assert_eq!((made.trials, made.withheld), (2, 1));
    assert!(heard.text().contains("1 trials without responses are left out"), "{}", heard.text());
    import(&file, &back, &ImportOptions::default(), &Silent).unwrap();
    assert_eq!(Mouse::open(&back).unwrap().read_trial(TrialId(1)).unwrap(), trials[1]);
}

#[test]
fn reconstructions_stand_at_the_times_of_their_trials() {
    let folder = tempfile::tempdir().unwrap();
    let [mouse, file, back] = ["mouse", "file.nwb", "back"].map(|name| folder.path().join(name));
    write_mouse(&mouse, [2, 2], true);
    let movie = Array3::from_shape_fn((10, 6, 8), |(t, y, x)| (t * 3 + y * 5 + x) as f32 / 7.0);
    let made = |trial, first_frame| ReconstructedMovie {
        trial: TrialId(trial),
        movie: movie.clone(),
        first_frame,
        settings: "preset = \"paper\"".into(),
    };
    let opened = Mouse::open(&mouse).unwrap();
    let options = ExportOptions::default();
    // Trial 1 has 37 frames; 27 + 10 is its last.
    for (trial, first) in [(1, 28), (3, 0)] {
        let result = export(&opened, &[made(trial, first)], &file, &options, &Silent);
        assert_refused(result, &[&format!("trial {trial}"), "another mouse"]);
        assert!(!file.exists());
    }
    export(&opened, &[made(1, 27)], &file, &options, &Silent).unwrap();
    let written = unlocked().open(&file).unwrap();
    let group = written.group("processing/reconstruction/reconstruction_trial_1").unwrap();
    let stored: Array3<f32> = group.dataset("data").unwrap().read().unwrap();
    assert_eq!(stored.permuted_axes([0, 2, 1]), movie, "x before y, as the schema has it");
    let start = group.dataset("starting_time").unwrap().read_scalar::<f64>().unwrap();
    assert_eq!(start, (40.0 + 27.0) / 30.0);
    // They are no part of the recording that is read back.
    let imported = import(&file, &back, &ImportOptions::default(), &Silent).unwrap();
    assert_eq!((imported.trials, imported.behavior_rows), (3, [2, 2]));
}

// --- files of others ---------------------------------------------------------------------------------------

/// An NWB file that is made group by group, with what the test wants in it.
struct Foreign {
    file: hdf5::File,
}

/// When a series was sampled.
#[derive(Clone)]
enum Times {
    Rate(f64, f64),
    Stamps(Vec<f64>),
}

impl Times {
    fn list(&self, count: usize) -> Vec<f64> {
        match self {
            Self::Rate(start, rate) => (0..count).map(|n| start + n as f64 / rate).collect(),
            Self::Stamps(times) => times.clone(),
        }
    }
}

impl Foreign {
    fn new(path: &Path) -> Self {
        let file = unlocked().create(path).unwrap();
        text(&file, "nwb_version", "2.6.0");
        text(&file, "neurodata_type", "NWBFile");
        for group in ["acquisition", "processing", "intervals", "stimulus", "stimulus/presentation"] {
            file.create_group(group).unwrap();
        }
        Self { file }
    }

    fn group(&self, path: &str, kind: &str) -> Group {
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
    fn series<T: hdf5::H5Type, D: Dimension>(
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
    fn responses(
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

    fn trials(&self, name: &str, rows: &[(f64, f64, &str)]) {
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

fn text(of: &hdf5::Location, name: &str, value: &str) {
    let value = VarLenUnicode::from_str(value).unwrap();
    of.new_attr::<VarLenUnicode>().create(name).unwrap().write_scalar(&value).unwrap();
}

const CELLS: &str = "processing/ophys/ImageSegmentation/PlaneSegmentation";
const RESPONSES: &str = "processing/ophys/DfOverF/RoiResponseSeries";
const MOVIE: &str = "stimulus/presentation/movie";
const RUNNING: &str = "processing/behavior/BehavioralTimeSeries/running_speed";
const PUPIL: &str = "processing/behavior/PupilTracking/pupil_size";
const CENTER: &str = "processing/behavior/EyeTracking/eye";

/// What the responses mean at a time: a line for each neuron.
fn response(neuron: usize, time: f64) -> f64 {
    1.0 + neuron as f64 + 0.25 * time
}

/// Pixel (x, y) of stored frame `k`.
fn pixel(k: usize, y: usize, x: usize) -> u8 {
    ((k * 3 + y * 40 + x * 5) % 250) as u8
}

/// Writes a whole file of others, 30 s long; `skip` leaves parts out.
fn write_foreign(path: &Path, skip: &[&str]) -> Foreign {
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

fn foreign(skip: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign.nwb");
    write_foreign(&path, skip);
    (folder, path)
}

fn open(path: &Path) -> Result<Recording> {
    Recording::open(path, &ImportOptions::default())
}

fn imported(path: &Path, options: &ImportOptions) -> (Imported, Mouse, String) {
    let out = path.with_extension("mouse");
    let heard = Heard::default();
    let imported = import(path, &out, options, &heard).unwrap();
    (imported, Mouse::open(&out).unwrap(), heard.text())
}

#[test]
fn every_series_is_brought_to_the_common_rate_in_its_own_units() {
    let (_folder, path) = foreign(&[]);
    let (found, mouse, said) = imported(&path, &ImportOptions::default());
    assert_eq!((found.trials, found.frame_size, found.behavior_rows), (3, [6, 8], [2, 2]));
    assert_eq!(
        mouse.trials.iter().map(|t| t.tier.0.as_str()).collect::<Vec<_>>(),
        ["train", "oracle", "train"]
    );
    assert_eq!(mouse.unit_ids, Some(vec![20, 10, 0]), "the table's ids, by the series' rows");
    for (id, start) in [(0, 1.0), (1, 10.0), (2, 20.0)] {
        let trial = mouse.read_trial(TrialId(id)).unwrap();
        assert_eq!(trial.frames(), 150);
        for frame in 0..150 {
            let time = start + frame as f64 / 30.0;
            for neuron in 0..3 {
                let found = f64::from(trial.responses[[neuron, frame]]);
                // f32 below 16, stored at half its size.
                assert!((found - response(neuron, time)).abs() < 4e-6, "{found} at {time}");
            }
            // Stored as whole thousandths, of which four are averaged; `conversion` is the f32 0.001.
            assert!((f64::from(trial.behavior[[1, frame]]) - 2.0 * time).abs() < 6e-4);
            // A blink is bridged by a line, and these are lines.
            assert!((f64::from(trial.behavior[[0, frame]]) - 40.0 - time).abs() < 1e-5);
            for axis in 0..2 {
                let expected = 100.0 + 50.0 * axis as f64 - time;
                assert!((f64::from(trial.pupil_center[[axis, frame]]) - expected).abs() < 2e-5);
            }
            let shown = (start * 30.0) as usize + frame;
            assert_eq!(trial.movie[[frame, 4, 7]], f32::from(pixel(shown, 4, 7)));
        }
    }
    for words in [
        "DfOverF/RoiResponseSeries, 3 neurons",
        "7.5000 Hz, interpolated linearly to 30 Hz",
        "does not deconvolve",
        "averaged over frames of 1/30 s",
        "10 of 751 samples are no numbers",
        "one to one",
        "3 rows of /intervals/trials",
        "does not say where they lie",
    ] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    assert_eq!(mouse.cell_motor_coordinates, None);
}

#[test]
fn another_common_rate_takes_other_samples_of_the_same_lines() {
    let (_folder, path) = foreign(&[]);
    let options = ImportOptions { rate_hz: 12.0, ..ImportOptions::default() };
    let (_, mouse, said) = imported(&path, &options);
    let trial = mouse.read_trial(TrialId(1)).unwrap();
    assert_eq!(trial.frames(), 60);
    for frame in 0..60 {
        let time = 10.0 + frame as f64 / 12.0;
        assert!((f64::from(trial.responses[[2, frame]]) - response(2, time)).abs() < 4e-6);
        assert!((f64::from(trial.behavior[[0, frame]]) - 40.0 - time).abs() < 1e-5);
        // The movie is faster: its frames that come up within 1/12 s are averaged, two or three of them.
        let first = (time * 30.0 - 0.25).ceil() as usize;
        let end = ((time + 1.0 / 12.0) * 30.0 - 0.25).ceil() as usize;
        let sum: f32 = (first..end).map(|k| f32::from(pixel(k, 3, 2))).sum();
        assert!((trial.movie[[frame, 3, 2]] - sum / (end - first) as f32).abs() < 1e-4);
    }
    assert!(said.contains("averaged over frames of 1/12 s"), "{said}");
}

#[test]
fn a_movie_that_is_slower_is_held_and_jitter_moves_no_frame() {
    let (_folder, path) = foreign(&["movie"]);
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    let jitter = |n: usize| ((n * 7919) % 13) as f64 * 5e-4 - 3e-3;
    let stamps: Vec<f64> = (0..300).map(|n| n as f64 / 10.0 + jitter(n)).collect();
    let data = Array3::from_shape_fn((300, 8, 6), |(k, x, y)| pixel(k, y, x));
    file.series(MOVIE, "OpticalSeries", data.view(), &Times::Stamps(stamps), None);
    drop(file);
    let (_, mouse, said) = imported(&path, &ImportOptions::default());
    let trial = mouse.read_trial(TrialId(0)).unwrap();
    for frame in 0..150 {
        assert_eq!(trial.movie[[frame, 2, 3]], f32::from(pixel(10 + frame / 3, 2, 3)), "frame {frame}");
    }
    assert!(said.contains("held until the next"), "{said}");
}

#[test]
fn frames_are_turned_upright_as_the_file_or_the_user_says() {
    let upright = |mouse: &Mouse| {
        let movie = mouse.read_movie(TrialId(0)).unwrap();
        assert_eq!(movie.dim(), (150, 6, 8));
        assert_eq!(movie[[4, 5, 7]], f32::from(pixel(34, 5, 7)));
    };
    let rows_first = |dimension: Option<[i32; 2]>| {
        let (folder, path) = foreign(&["movie"]);
        let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
        let data = Array3::from_shape_fn((900, 6, 8), |(k, y, x)| pixel(k, y, x));
        let group = file.series(MOVIE, "ImageSeries", data.view(), &Times::Rate(0.0, 30.0), None);
        if let Some(dimension) = dimension {
            group.new_dataset_builder().with_data(&dimension).create("dimension").unwrap();
        }
        (folder, path)
    };
    // `dimension` is width, height: the file says that its frames lie the other way.
    let (_folder, path) = rows_first(Some([8, 6]));
    upright(&imported(&path, &ImportOptions::default()).1);
    let (_folder, path) = rows_first(None);
    let options = ImportOptions { frame_axes: Some(FrameAxes::HeightWidth), ..ImportOptions::default() };
    upright(&imported(&path, &options).1);
    let (_folder, path) = rows_first(None);
    let (found, _, said) = imported(&path, &ImportOptions::default());
    assert_eq!(found.frame_size, [8, 6], "the schema's order is taken, and said");
    assert!(said.contains("--frame-axes yx"), "{said}");
    let (_folder, path) = foreign(&[]);
    let options = ImportOptions { frame_size: Some([3, 4]), ..ImportOptions::default() };
    let movie = imported(&path, &options).1.read_movie(TrialId(0)).unwrap();
    let block = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(y, x)| f32::from(pixel(31, 2 + y, 6 + x)));
    assert_eq!(movie[[1, 1, 3]], block.iter().sum::<f32>() / 4.0);
}

#[test]
fn an_index_series_shows_its_template_again() {
    let (_folder, path) = foreign(&["movie"]);
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    let data = Array3::from_shape_fn((50, 8, 6), |(k, x, y)| pixel(k, y, x));
    file.series("stimulus/templates/clip", "ImageSeries", data.view(), &Times::Rate(0.0, 1.0), None);
    let index: Array1<u32> = (0..900).map(|n| n % 50).collect();
    let shown = file.series(MOVIE, "IndexSeries", index.view(), &Times::Rate(0.0, 30.0), None);
    shown.link_soft("/stimulus/templates/clip", "indexed_timeseries").unwrap();
    drop((shown, file));
    let (_, mouse, _) = imported(&path, &ImportOptions::default());
    let movie = mouse.read_movie(TrialId(1)).unwrap();
    for frame in 0..150 {
        assert_eq!(movie[[frame, 1, 1]], f32::from(pixel((300 + frame) % 50, 1, 1)));
    }
}

#[test]
fn cells_lie_where_columns_or_masks_say() {
    let with = |fill: &dyn Fn(&Foreign)| {
        let (folder, path) = foreign(&[]);
        fill(&Foreign { file: unlocked().open_rw(&path).unwrap() });
        let recording = open(&path).unwrap();
        drop(folder);
        recording.places().cloned()
    };
    let column = |cells: &Group, name: &str, values: [f32; 3]| {
        cells.new_dataset_builder().with_data(&values).create(name).unwrap();
    };
    // Rows of the series are the table's, backwards.
    let found = with(&|file| {
        let cells = file.group(CELLS, "");
        column(&cells, "x", [1.0, 2.0, 3.0]);
        column(&cells, "y", [4.0, 5.0, 6.0]);
    });
    assert_eq!(found.unwrap(), ndarray::arr2(&[[3.0, 6.0, 0.0], [2.0, 5.0, 0.0], [1.0, 4.0, 0.0]]));
    let found = with(&|file| {
        let centers = ndarray::arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0f32]]);
        file.group(CELLS, "").new_dataset_builder().with_data(&centers).create("centroids").unwrap();
    });
    assert_eq!(found.unwrap().row(0).to_vec(), [7.0, 8.0, 9.0]);
    let found = with(&|file| {
        let mut masks = Array3::<f32>::zeros((3, 9, 7));
        for cell in 0..3 {
            masks[[cell, 2, 4]] = 1.0;
            masks[[cell, 2 + cell, 4 + cell]] = 1.0;
        }
        let cells = file.group(CELLS, "");
        cells.new_dataset_builder().with_data(&masks).create("image_mask").unwrap();
        let plane = file.group("general/optophysiology/plane", "ImagingPlane");
        // Metres, which NWB means when nothing is said.
        plane.new_dataset_builder().with_data(&[2e-6f64, 3e-6]).create("grid_spacing").unwrap();
        cells.link_soft("/general/optophysiology/plane", "imaging_plane").unwrap();
    });
    let found = found.unwrap();
    // Cell 2 comes first: its two pixels are centred on (3, 5), of 2 and 3 um.
    assert!((found[[0, 0]] - 6.0).abs() < 1e-4 && (found[[0, 1]] - 15.0).abs() < 1e-4, "{found}");
    assert_eq!(with(&|_| ()), None);
}

#[test]
fn what_a_file_lacks_is_named_with_what_to_do() {
    let refused = |skip: &[&str], words: &[&str]| {
        let (_folder, path) = foreign(skip);
        assert_refused(open(&path), &[&["foreign.nwb"], words].concat());
    };
    refused(&["responses"], &["no RoiResponseSeries", "processing"]);
    refused(&["movie"], &["no frames of movies", "--movie"]);
    // Behavior may be missing; it is said, with the flag that names it.
    let (_folder, path) = foreign(&["running", "pupil"]);
    let (found, _, said) = imported(&path, &ImportOptions::default());
    assert_eq!((found.trials, found.behavior_rows), (3, [0, 0]));
    for words in ["running speed: none found", "--running NAME", "pupil dilation: none", "pupil center: none"]
    {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    // Without a table of trials every presented series is one.
    let (_folder, path) = foreign(&["trials"]);
    let file = unlocked().open_rw(&path).unwrap();
    file.dataset("stimulus/presentation/movie/starting_time").unwrap().write_scalar(&0.2).unwrap();
    drop(file);
    let recording = open(&path).unwrap();
    assert_eq!((recording.intervals(), recording.frames(0)), (1, Ok(900)));
    assert!(recording.notes().iter().any(|note| note.contains("no table of them")));
    // Movies that are elsewhere.
    let (_folder, path) = foreign(&["movie"]);
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    let movie = file.group(MOVIE, "ImageSeries");
    let files = Array1::from_elem(1, VarLenUnicode::from_str("clips/a.mp4").unwrap());
    movie.new_dataset_builder().with_data(&files).create("external_file").unwrap();
    drop((movie, file));
    assert_refused(open(&path), &[MOVIE, "clips/a.mp4", "write them"]);
    let (_folder, path) = foreign(&[]);
    unlocked()
        .open_rw(&path)
        .unwrap()
        .unlink("processing/ophys/DfOverF/RoiResponseSeries/starting_time")
        .unwrap();
    assert_refused(open(&path), &[RESPONSES, "neither timestamps nor starting_time"]);
}

#[test]
fn of_several_the_best_is_taken_and_a_doubt_is_asked_about() {
    let (_folder, path) = foreign(&[]);
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    let times = Times::Rate(0.0, 10.0);
    let other = Array2::from_elem((300, 3), 9.0f32);
    file.responses("processing/ophys/Fluorescence/raw", CELLS, &other, &times, None);
    drop(file);
    // dF/F before raw fluorescence of the same cells.
    let recording = open(&path).unwrap();
    assert!(recording.notes()[0].contains("DfOverF/RoiResponseSeries"), "{:?}", recording.notes());
    let named = |name: &str| {
        let options = ImportOptions { responses: vec![name.into()], ..ImportOptions::default() };
        Recording::open(&path, &options)
    };
    let trial = named("raw").unwrap().read_trial(0, TrialId(0)).unwrap().unwrap();
    assert!(trial.responses.iter().all(|&v| v == 9.0));
    assert!(named("processing/ophys/Fluorescence").unwrap().notes()[0].contains("/raw"));
    assert_refused(
        named("spikes"),
        &["\"spikes\"", "--responses", "/processing/ophys/Fluorescence/raw", "[300, 3]"],
    );
    drop(recording);
    // A second series of equal standing, of the same cells.
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    file.responses("processing/ophys/DfOverF/smoothed", CELLS, &other, &times, None);
    drop(file);
    assert_refused(
        open(&path),
        &["not clear", "--responses", "DfOverF/smoothed", "DfOverF/RoiResponseSeries"],
    );
    assert!(named("smoothed").is_ok());
    // Of other cells it is another plane.
    let (_folder, path) = foreign(&[]);
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    file.responses(
        "processing/ophys/DfOverF/deep",
        "processing/ophys/ImageSegmentation/deep",
        &other,
        &times,
        None,
    );
    drop(file);
    let recording = open(&path).unwrap();
    assert_eq!(recording.neurons(), 6);
    let trial = recording.read_trial(0, TrialId(0)).unwrap().unwrap();
    let constant: Vec<bool> = trial.responses.outer_iter().map(|row| row.iter().all(|&v| v == 9.0)).collect();
    assert_eq!(constant.iter().filter(|&&deep| deep).count(), 3);
    assert_eq!(recording.unit_ids(), [0, 1, 2, 3, 4, 5], "ids that stand for two cells are replaced");
    drop(recording);
    // Tables of trials.
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    file.trials("movies", &[(2.0, 4.0, "train")]);
    drop(file);
    assert_eq!(open(&path).unwrap().intervals(), 3, "the one called trials");
    let options = ImportOptions { trials: Some("movies".into()), ..ImportOptions::default() };
    assert_eq!(Recording::open(&path, &options).unwrap().frames(0), Ok(60));
    let options = ImportOptions { trials: Some("epochs".into()), ..ImportOptions::default() };
    assert_refused(Recording::open(&path, &options), &["\"epochs\"", "movies, trials"]);
    let options = ImportOptions { running: Choice::Named("wheel".into()), ..ImportOptions::default() };
    assert_refused(Recording::open(&path, &options), &["\"wheel\"", "--running", RUNNING]);
}

#[test]
fn trials_in_which_something_was_not_recorded_are_left_out_and_named() {
    let (_folder, path) = foreign(&["trials", "pupil"]);
    let file = Foreign { file: unlocked().open_rw(&path).unwrap() };
    let times = Times::Rate(0.0, 25.0);
    let mut size: Array1<f64> = times.list(751).iter().map(|t| 40.0 + t).collect();
    // Two seconds, from 12 s on: nobody blinks as long.
    size.slice_mut(s![300..350]).fill(f64::NAN);
    file.series(PUPIL, "TimeSeries", size.view(), &times, None);
    let rows = [
        (1.0, 3.0, "train"),
        (11.0, 14.0, "train"),
        (29.0, 32.0, "train"),
        (5.0, 5.0, "train"),
        (6.0, f64::NAN, "train"),
        (7.0, 1e300, "train"),
        (20.0, 23.0, "oracle"),
    ];
    file.trials("trials", &rows);
    drop(file);
    let (found, mouse, said) = imported(&path, &ImportOptions::default());
    assert_eq!((found.trials, mouse.trials.len()), (2, 2));
    assert_eq!(found.left_out.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(mouse.trials[1].tier.0, "oracle");
    assert_eq!(mouse.trials.iter().map(|t| t.frames).collect::<Vec<_>>(), [60, 90]);
    for words in [
        "row 1 is left out: /processing/behavior/PupilTracking/pupil_size has no samples between 11.960 s and 14.000 s",
        "row 2 is left out: /processing/ophys/DfOverF/RoiResponseSeries ends",
        "row 3 is left out: it goes from 5 s to 5 s",
        "5 rows of the table of trials are left out",
    ] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    let patient = ImportOptions { longest_gap_s: 3.0, ..ImportOptions::default() };
    assert!(Recording::open(&path, &patient).unwrap().read_trial(1, TrialId(0)).unwrap().is_ok());
    // When nothing is left, nothing is written.
    let (_folder, path) = foreign(&["trials"]);
    Foreign { file: unlocked().open_rw(&path).unwrap() }.trials("trials", &[(100.0, 110.0, "train")]);
    let out = path.with_extension("mouse");
    let result = import(&path, &out, &ImportOptions::default(), &Silent);
    assert_refused(result, &["none of its 1 trials", "ends at"]);
    assert!(!out.exists());
}

#[test]
fn series_that_contradict_themselves_are_refused() {
    let with = |edit: &dyn Fn(&hdf5::File)| {
        let (_folder, path) = foreign(&[]);
        let file = unlocked().open_rw(&path).unwrap();
        edit(&file);
        drop(file);
        open(&path)
    };
    let series = |file: &hdf5::File, name: &str| file.group(name).unwrap();
    let refill = |group: &Group, name: &str, values: &[f64]| {
        group.unlink(name).unwrap();
        group.new_dataset_builder().with_data(values).create(name).unwrap();
    };
    let stamps = |file: &hdf5::File, edit: &dyn Fn(&mut Vec<f64>)| {
        let group = series(file, RUNNING);
        let mut times: Vec<f64> = group.dataset("timestamps").unwrap().read_raw().unwrap();
        edit(&mut times);
        refill(&group, "timestamps", &times);
    };
    assert_refused(
        with(&|f| stamps(f, &|t| t.swap(7, 8))),
        &["running_speed/timestamps", "sample 7", "ascending"],
    );
    assert_refused(with(&|f| stamps(f, &|t| t[5] = f64::NAN)), &["NaN at sample 5"]);
    assert_refused(with(&|f| stamps(f, &|t| t.truncate(9))), &["[3600]", "9 timestamps"]);
    let rate = |file: &hdf5::File, rate: f32| {
        let attribute = series(file, RESPONSES).dataset("starting_time").unwrap().attr("rate").unwrap();
        attribute.write_scalar(&rate).unwrap();
    };
    for bad in [0.0, -3.0, f32::NAN, f32::INFINITY] {
        assert_refused(with(&|f| rate(f, bad)), &["starting_time", "expected a time and a rate above 0"]);
    }
    let conversion = |file: &hdf5::File| {
        let attribute = series(file, RESPONSES).dataset("data").unwrap().attr("conversion").unwrap();
        attribute.write_scalar(&0.0f32).unwrap();
    };
    assert_refused(with(&conversion), &["conversion 0"]);
    let turned = |file: &hdf5::File| {
        let group = series(file, RESPONSES);
        let data: Array2<f32> = group.dataset("data").unwrap().read().unwrap();
        group.unlink("data").unwrap();
        let turned = data.t().as_standard_layout().into_owned();
        group.new_dataset_builder().with_data(&turned).create("data").unwrap();
    };
    assert_refused(with(&turned), &["rois", "3 ROIs", "first axis"]);
    let rois = |file: &hdf5::File| {
        series(file, RESPONSES).dataset("rois").unwrap().write(&[0u8, 1, 9]).unwrap();
    };
    assert_refused(with(&rois), &["ROI 9", "3 rows"]);
    let text_data = |file: &hdf5::File| {
        let group = series(file, PUPIL);
        group.unlink("data").unwrap();
        let words = Array1::from_elem(751, VarLenUnicode::from_str("wide").unwrap());
        group.new_dataset_builder().with_data(&words).create("data").unwrap();
    };
    // What is no number is no pupil.
    assert!(with(&text_data).unwrap().notes().iter().any(|note| note.contains("pupil dilation: none found")));
    let dark = |file: &hdf5::File| {
        let data = series(file, MOVIE).dataset("data").unwrap();
        data.new_attr::<f64>().create("offset").unwrap().write_scalar(&-40.0).unwrap();
    };
    let recording = with(&dark);
    // The folder is gone, but the file is still open.
    assert_refused(
        recording.unwrap().read_trial(0, TrialId(0)),
        &["the movie has the value -", "0 (black) to 255"],
    );
}

#[test]
fn headers_that_claim_what_is_not_stored_are_refused() {
    let (_folder, path) = foreign(&[]);
    let file = unlocked().open_rw(&path).unwrap();
    let group = file.group(RUNNING).unwrap();
    for name in ["data", "timestamps"] {
        group.unlink(name).unwrap();
        let shape = [1usize << 40];
        group.new_dataset::<f64>().chunk([1 << 10]).shape(shape).create(name).unwrap();
    }
    drop((group, file));
    assert_refused(open(&path), &["running_speed", "[1099511627776]", "only 0 bytes are stored"]);
}

/// Whether a signal ended a process; only libhdf5 is not ours to mend.
fn died_in_hdf5(status: std::process::ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status
        .signal()
        .is_some_and(|signal| [libc_signal::SEGV, libc_signal::BUS, libc_signal::ABRT].contains(&signal))
}

/// Signals that faults in C end in.
mod libc_signal {
    pub const ABRT: i32 = 6;
    pub const BUS: i32 = 7;
    pub const SEGV: i32 = 11;
}

#[test]
fn damaged_files_are_errors_and_never_panics() {
    let (_folder, path) = foreign(&[]);
    let bytes = std::fs::read(&path).unwrap();
    let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let length = bytes.len();
    // Most of the file is pixels; its structure lies before and after them.
    let place = prop_oneof![0..length, 0..length.min(20_000)];
    let flips = proptest::collection::vec((place, any::<u8>()), 1..40);
    let cut = prop_oneof![3 => Just(length), 1 => 0..length];
    let damaged = tempfile::tempdir().unwrap();
    let ends = std::cell::RefCell::new(std::collections::BTreeMap::new());
    runner
        .run(&(flips, cut), |(flips, cut)| {
            let mut bytes = bytes.clone();
            flips.iter().for_each(|&(at, byte)| bytes[at] = byte);
            bytes.truncate(cut);
            let [file, out] = ["damaged.nwb", "out"].map(|name| damaged.path().join(name));
            std::fs::write(&file, &bytes).unwrap();
            let _ = std::fs::remove_dir_all(&out);
            // In a process of its own: libhdf5 checks nothing of files without checksums, and some damage ends it.
            let output = Command::new(env!("CARGO_BIN_EXE_v1reel"))
                .args(["data", "import"])
                .args([&file, &out])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            let end = match output.status.code() {
                Some(0) => "read",
                Some(1 | 2) if said.contains("damaged.nwb") => "refused by name",
                None if died_in_hdf5(output.status) && !said.contains("panicked") => "died in libhdf5",
                _ => return Err(TestCaseError::fail(format!("{}: {said}", output.status))),
            };
            *ends.borrow_mut().entry(end).or_insert(0) += 1;
            // Whatever it ended in, half a mouse is never left behind.
            prop_assert_eq!(out.exists(), end == "read");
            Ok(())
        })
        .unwrap();
    let ends = ends.into_inner();
    // Nearly all damage is met by name.
    assert!(ends.get("died in libhdf5").copied().unwrap_or(0) <= 6, "{ends:?}");
    assert!(ends.get("refused by name").copied().unwrap_or(0) >= 10, "{ends:?}");
    for (name, bytes) in [("empty", &b""[..]), ("text", b"no HDF5"), ("cut", &bytes[..700])] {
        let path = damaged.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        assert_refused(open(&path), &[name, "not an NWB file"]);
    }
    assert_refused(open(&damaged.path().join("nothing")), &["nothing"]);
    let plain = damaged.path().join("plain.h5");
    unlocked().create(&plain).unwrap();
    assert_refused(open(&plain), &["not an NWB 2 file", "nwb_version"]);
}

#[test]
fn options_out_of_range_are_misuse() {
    let (_folder, path) = foreign(&[]);
    for options in [
        ImportOptions { rate_hz: 0.0, ..ImportOptions::default() },
        ImportOptions { rate_hz: f64::NAN, ..ImportOptions::default() },
        ImportOptions { longest_gap_s: -1.0, ..ImportOptions::default() },
        ImportOptions { frame_size: Some([0, 4]), ..ImportOptions::default() },
    ] {
        assert_eq!(Recording::open(&path, &options).unwrap_err().exit_code(), 2, "{options:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let [mouse, file] = ["mouse", "file.nwb"].map(|name| folder.path().join(name));
    write_mouse(&mouse, [2, 2], true);
    let mouse = Mouse::open(&mouse).unwrap();
    let default = ExportOptions::default;
    for options in [
        ExportOptions { session_start: Some("yesterday".into()), ..default() },
        ExportOptions { created: "2020-01-01".into(), ..default() },
        ExportOptions { sex: "male".into(), ..default() },
        ExportOptions { responses: "a/b".into(), ..default() },
        ExportOptions { rate_hz: -30.0, ..default() },
    ] {
        assert_eq!(export(&mouse, &[], &file, &options, &Silent).unwrap_err().exit_code(), 2, "{options:?}");
        assert!(!file.exists());
    }
    std::fs::write(&file, "mine").unwrap();
    assert_eq!(export(&mouse, &[], &file, &default(), &Silent).unwrap_err().exit_code(), 2);
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

#[test]
fn the_commands_write_a_file_and_read_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let [mouse, file, back] = ["mouse", "file.nwb", "back"].map(|name| folder.path().join(name));
    let trials = write_mouse(&mouse, [2, 2], true);
    let v1reel = |words: &[&std::ffi::OsStr]| {
        let mut command = assert_cmd::Command::cargo_bin("v1reel").unwrap();
        command.env_remove("SOURCE_DATE_EPOCH").args(["data"]).args(words).assert()
    };
    let said = v1reel(&["export".as_ref(), mouse.as_ref(), file.as_ref(), "--sex".as_ref(), "F".as_ref()]);
    let said = String::from_utf8(said.success().get_output().stdout.clone()).unwrap();
    assert!(said.contains("5 neurons, 3 trials, 0 reconstructions"), "{said}");
    let said = v1reel(&["import".as_ref(), file.as_ref(), back.as_ref()]).success();
    let said = String::from_utf8(said.get_output().stdout.clone()).unwrap();
    assert!(said.contains("5 neurons, 3 trials at 30 Hz (0 left out), frames of 6 x 8"), "{said}");
    assert_eq!(Mouse::open(&back).unwrap().read_trial(TrialId(2)).unwrap(), trials[2]);
    v1reel(&["import".as_ref(), file.as_ref(), back.as_ref()]).code(2);
    v1reel(&["import".as_ref(), mouse.as_ref(), folder.path().join("c").as_ref()]).code(1);
    let run = folder.path().join("run");
    let out = folder.path().join("d.nwb");
    let words: [&std::ffi::OsStr; 5] =
        ["export".as_ref(), mouse.as_ref(), out.as_ref(), "--reconstructions".as_ref(), run.as_ref()];
    let said = v1reel(&words).code(1);
    let said = String::from_utf8(said.get_output().stderr.clone()).unwrap();
    assert!(said.contains("no reconstructions of mouse mouse"), "{said}");
}

// --- pynwb -------------------------------------------------------------------------------------------------

/// Finds a Python that has pynwb and nwbinspector, or says that there is none.
fn python() -> Option<std::ffi::OsString> {
    let named = std::env::var_os("V1REEL_NWB_PYTHON");
    let python = named.clone().unwrap_or_else(|| "python3".into());
    let found = Command::new(&python).args(["-c", "import pynwb, nwbinspector"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    // One that was named has to be there.
    assert!(named.is_none(), "V1REEL_NWB_PYTHON={python:?} has no pynwb and nwbinspector");
    println!("skipped: no Python with pynwb and nwbinspector; name one with V1REEL_NWB_PYTHON");
    None
}

fn run_script(python: &std::ffi::OsStr, script: &str, file: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nwb").join(script);
    let output = Command::new(python).arg(&script).arg(file).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", script.display());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn pynwb_opens_what_is_written_and_nwbinspector_finds_nothing_critical() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, rows) in [("mouse_a", [2, 2]), ("mouse_b", [0, 0]), ("mouse_c", [1, 3])] {
        let mouse = folder.path().join(name);
        let file = mouse.with_extension("nwb");
        let trials = write_mouse(&mouse, rows, true);
        if name == "mouse_b" {
            std::fs::remove_file(mouse.join("meta/neurons/cell_motor_coordinates.npy")).unwrap();
        }
        let movie = Array3::from_elem((10, 6, 8), 127.5);
        let made = ReconstructedMovie { trial: TrialId(1), movie, first_frame: 20, settings: String::new() };
        let opened = Mouse::open(&mouse).unwrap();
        export(&opened, &[made], &file, &ExportOptions::default(), &Silent).unwrap();
        let said = run_script(&python, "inspect_file.py", &file);
        let found: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert_eq!(found["validation"], serde_json::json!([]), "{name}");
        let findings = found["inspector"].as_array().unwrap();
        println!("{name}: {findings:#?}");
        let severe = |finding: &&serde_json::Value| {
            let importance = finding["importance"].as_str().unwrap();
            !importance.starts_with("BEST_PRACTICE")
        };
        assert_eq!(findings.iter().filter(severe).collect::<Vec<_>>(), Vec::<&serde_json::Value>::new());
        assert_eq!(found["responses"]["shape"], serde_json::json!([117, NEURONS]));
        assert_eq!(found["responses"]["rate"], 30.0);
        let sum: f64 = trials.iter().flat_map(|trial| &trial.responses).map(|&v| f64::from(v)).sum();
        // The same f32 values, summed in f64 in another order.
        assert!((found["responses"]["sum"].as_f64().unwrap() - sum).abs() < 1e-6);
        assert_eq!(found["movie"]["shape"], serde_json::json!([117, 8, 6]));
        assert_eq!(found["movie"]["dtype"], "uint8");
        assert_eq!(found["movie"]["pixel_3_2_1"], f64::from(trials[0].movie[[3, 1, 2]]));
        assert_eq!(found["cells"]["ids"], serde_json::json!([105, 3, 7, 1_000_000, 12]));
        assert_eq!(found["trials"]["tier"], serde_json::json!(["train", "oracle", "live_test_main"]));
        assert_eq!(found["trials"]["trial"], serde_json::json!([0, 1, 2]));
        assert_eq!(found["trials"]["start"][1], 40.0 / 30.0);
        assert_eq!(found["subject"], serde_json::json!({"id": name, "sex": "U", "species": "Mus musculus"}));
        let start = found["reconstructions"]["reconstruction_trial_1"]["start"].as_f64().unwrap();
        assert_eq!(start, 60.0 / 30.0);
        assert_eq!(found["behavior"].as_array().unwrap().is_empty(), rows == [0, 0]);
    }
}

#[test]
fn a_file_that_pynwb_wrote_is_read_as_it_means() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("foreign.nwb");
    run_script(&python, "make.py", &file);
    let (found, mouse, said) = imported(&file, &ImportOptions::default());
    assert_eq!((found.trials, found.neurons, found.frame_size), (3, 5, [6, 8]), "{said}");
    assert_eq!(found.behavior_rows, [2, 2]);
    // The last trial goes on after the recording's end.
    assert_eq!(found.left_out.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [3]);
    assert_eq!(mouse.unit_ids, Some(vec![72, 71, 70, 81, 80]));
    let places = mouse.cell_motor_coordinates.clone().unwrap();
    // Cell 72: the weighted mean of x is 21, of y 6; pixels of 1.5 x 2 um from (100, 200, 300) on.
    for (cell, expected) in [(0, [131.5, 212.0, 300.0]), (3, [109.0, 222.0, 350.0])] {
        for axis in 0..3 {
            assert!((places[[cell, axis]] - expected[axis]).abs() < 1e-3, "{places}");
        }
    }
    for (id, start) in [(0, 2.0), (1, 13.0), (2, 24.0)] {
        let trial = mouse.read_trial(TrialId(id)).unwrap();
        assert_eq!(trial.frames(), 300);
        for frame in (0..300).step_by(7) {
            let time = start + frame as f64 / 30.0;
            for (neuron, base) in [5.0, 4.0, 3.0, 14.0, 13.0].into_iter().enumerate() {
                // f32 below 32.
                assert!((f64::from(trial.responses[[neuron, frame]]) - base - time / 10.0).abs() < 1e-5);
            }
            assert!((f64::from(trial.behavior[[0, frame]]) - 50.0 + time / 4.0).abs() < 1e-4);
            // Cut, not rounded, to hundredths.
            assert!((f64::from(trial.behavior[[1, frame]]) - time).abs() < 0.011);
            assert!((f64::from(trial.pupil_center[[0, frame]]) - 120.0 - time).abs() < 1e-4);
            // Two frames of 60 Hz: their mean, whatever their jitter.
            let shown = |k: usize| ((2 * 5 + 20 * 2 + k) % 200) as f32;
            let first = (start * 60.0) as usize + 2 * frame;
            assert_eq!(trial.movie[[frame, 2, 5]], (shown(first) + shown(first + 1)) / 2.0);
        }
    }
}
