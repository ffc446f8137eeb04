//! Recordings as folders of numpy files: what is read back.

mod refused;

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3, Axis};
use npyz::WriterBuilder;
use tempfile::TempDir;
use v1reel::data::format::npy_tree::{Meta, Writer};
use v1reel::data::{Folds, Mouse, Tier, Trial, TrialId};

const NEURONS: usize = 5;
const FRAMES: usize = 40;
const PADDED: usize = 44;

fn trial(id: u32, frames: usize, behavior_rows: usize, pupil_center_rows: usize) -> Trial {
    let at = |a: usize, b: usize| (a * 31 + b * 7 + id as usize * 13) % 200;
    Trial {
        id: TrialId(id),
        movie: Array3::from_shape_fn((frames, 6, 8), |(t, y, x)| at(t, y * 8 + x) as f32),
        responses: Array2::from_shape_fn((NEURONS, frames), |(n, t)| at(n, t) as f32 / 7.0),
        behavior: Array2::from_shape_fn((behavior_rows, frames), |(r, t)| at(r, t) as f32 / 3.0),
        pupil_center: Array2::from_shape_fn((pupil_center_rows, frames), |(r, t)| at(t, r) as f32),
    }
}

fn meta(trials: usize) -> Meta {
    let tiers = ["train", "oracle", "live_test_main"];
    Meta {
        tiers: (0..trials).map(|n| Tier(tiers[n % 3].into())).collect(),
        unit_ids: (0..NEURONS as i64).map(|n| 100 + n).collect(),
        cell_motor_coordinates: Array2::from_shape_fn((NEURONS, 3), |(n, axis)| (10 * n + axis) as f32),
    }
}

/// Writes three trials, the second one shorter.
fn write_mouse(behavior_rows: usize, pupil_center_rows: usize) -> (TempDir, PathBuf, Vec<Trial>) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mouse_a");
    let trials: Vec<Trial> = [FRAMES, FRAMES - 3, FRAMES]
        .into_iter()
        .enumerate()
        .map(|(n, frames)| trial(n as u32, frames, behavior_rows, pupil_center_rows))
        .collect();
    let mut writer = Writer::create(&root).unwrap();
    for trial in &trials {
        writer.write_trial(trial, PADDED).unwrap();
    }
    writer.finish(&meta(3)).unwrap();
    (folder, root, trials)
}

/// Writes an array with npyz, a writer that is not ours.
fn write_npy<T: npyz::AutoSerialize>(
    path: &Path,
    shape: &[usize],
    order: npyz::Order,
    values: impl IntoIterator<Item = T>,
) {
    let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
    let file = fs::File::create(path).unwrap();
    let options = npyz::WriteOptions::new().default_dtype().shape(&shape).order(order);
    let mut writer = options.writer(std::io::BufWriter::new(file)).begin_nd().unwrap();
    writer.extend(values).unwrap();
    writer.finish().unwrap();
}

/// The values of `[row, frame]` followed by NaN, in C order.
fn padded(rows: &Array2<f32>, frames: usize) -> Vec<f32> {
    let value = |row: usize, frame: usize| rows.get([row, frame]).copied().unwrap_or(f32::NAN);
    (0..rows.nrows()).flat_map(|row| (0..frames).map(move |frame| value(row, frame))).collect()
}

fn file(root: &Path, array: &str, id: u32) -> PathBuf {
    root.join("data").join(array).join(format!("{id}.npy"))
}

/// Asserts that `result` is an error of one line, exit code 1, that says all of `words`.
fn assert_refused<T: std::fmt::Debug>(result: v1reel::error::Result<T>, words: &[&str]) {
    let error = result.unwrap_err();
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    assert_eq!(error.exit_code(), 1, "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

#[test]
fn what_was_written_is_read_back() {
    let (_folder, root, trials) = write_mouse(2, 2);
    let with_slash = PathBuf::from(format!("{}/", root.display()));
    for path in [root.clone(), with_slash] {
        let mouse = Mouse::open(&path).unwrap();
        assert_eq!((mouse.id.0.as_str(), mouse.neurons, mouse.frame_size), ("mouse_a", NEURONS, [6, 8]));
        assert_eq!((mouse.behavior_rows, mouse.pupil_center_rows, mouse.channels()), (2, 2, 5));
        assert_eq!(mouse.trials.iter().map(|t| t.frames).collect::<Vec<_>>(), [FRAMES, FRAMES - 3, FRAMES]);
        assert_eq!(mouse.trial(TrialId(2)).unwrap().tier.0, "live_test_main");
        assert_eq!(mouse.unit_ids, Some(meta(3).unit_ids));
        assert_eq!(mouse.cell_motor_coordinates, Some(meta(3).cell_motor_coordinates));
        for trial in &trials {
            assert_eq!(&mouse.read_trial(trial.id).unwrap(), trial);
            assert_eq!(mouse.read_movie(trial.id).unwrap(), trial.movie);
        }
    }
}

#[test]
fn a_clip_is_the_listed_frames_and_none_beyond_the_end() {
    let (_folder, root, trials) = write_mouse(2, 2);
    let mouse = Mouse::open(&root).unwrap();
    let frames = [0, 2, 9, FRAMES - 4];
    let clip = mouse.read_frames(TrialId(1), frames.into_iter()).unwrap();
    assert_eq!(clip.movie, trials[1].movie.select(Axis(0), &frames));
    assert_eq!(clip.responses, trials[1].responses.select(Axis(1), &frames));
    assert_eq!(clip.behavior, trials[1].behavior.select(Axis(1), &frames));
    assert_eq!(clip.pupil_center, trials[1].pupil_center.select(Axis(1), &frames));
    assert_refused(mouse.read_frames(TrialId(1), [FRAMES - 3].into_iter()), &["trial 1", "frame 37 of 37"]);
    assert_eq!(mouse.read_trial(TrialId(9)).unwrap_err().exit_code(), 2);
}

#[test]
fn another_reader_of_numpy_files_reads_ours() {
    let (_folder, root, trials) = write_mouse(2, 0);
    let open =
        |path: PathBuf| npyz::NpyFile::new(std::io::BufReader::new(fs::File::open(path).unwrap())).unwrap();
    let responses = open(file(&root, "responses", 1));
    assert_eq!(responses.shape(), [NEURONS as u64, PADDED as u64]);
    let (found, expected) = (responses.into_vec::<f32>().unwrap(), padded(&trials[1].responses, PADDED));
    assert!(found.iter().zip(&expected).all(|(f, e)| f == e || (f.is_nan() && e.is_nan())));
    assert_eq!(open(file(&root, "videos", 0)).shape(), [6, 8, PADDED as u64]);
    let tiers: Vec<String> = open(root.join("meta/trials/tiers.npy")).into_vec().unwrap();
    assert_eq!(tiers, ["train", "oracle", "live_test_main"]);
    assert!(!root.join("data/pupil_center").exists());
}

#[test]
fn statistics_are_over_the_trials_that_reach_a_frame() {
    let (_folder, root, trials) = write_mouse(2, 0);
    let read = |name: &str| -> Vec<f32> {
        let path = root.join("meta/statistics/responses/all").join(format!("{name}.npy"));
        npyz::NpyFile::new(std::io::BufReader::new(fs::File::open(path).unwrap()))
            .unwrap()
            .into_vec()
            .unwrap()
    };
    let at = |trial: usize, frame: usize| trials[trial].responses[[1, frame]];
    let (mean, median, max) = (read("mean"), read("median"), read("max"));
    let last = FRAMES - 1;
    // f32 means of at most three numbers below 30.
    assert!((mean[PADDED] - (at(0, 0) + at(1, 0) + at(2, 0)) / 3.0).abs() < 1e-5);
    assert!((mean[PADDED + last] - (at(0, last) + at(2, last)) / 2.0).abs() < 1e-5);
    assert!((median[PADDED + last] - (at(0, last) + at(2, last)) / 2.0).abs() < 1e-5);
    assert_eq!(max[PADDED], at(0, 0).max(at(1, 0)).max(at(2, 0)));
    assert!(mean[PADDED + FRAMES].is_nan());
    assert!(!root.join("meta/statistics/pupil_center").exists());
}

#[test]
fn every_type_and_order_gives_the_same_numbers() {
    let (_folder, root, trials) = write_mouse(2, 2);
    // Whole numbers below 200 are the same in f4, f8 and u1.
    let pixel = |n: usize, at: [usize; 3]| trials[n].movie.get([at[2], at[0], at[1]]).copied();
    let c = || (0..6).flat_map(|y| (0..8).flat_map(move |x| (0..PADDED).map(move |t| [y, x, t])));
    let fortran = || (0..PADDED).flat_map(|t| (0..8).flat_map(move |x| (0..6).map(move |y| [y, x, t])));
    let f8 = |n| c().map(move |at| pixel(n, at).map_or(f64::NAN, f64::from)).collect::<Vec<_>>();
    write_npy(&file(&root, "videos", 0), &[6, 8, PADDED], npyz::Order::C, f8(0));
    // Bytes have no NaN: the padding of this one is zeros.
    let u1: Vec<u8> = fortran().map(|at| pixel(1, at).unwrap_or(0.0) as u8).collect();
    write_npy(&file(&root, "videos", 1), &[6, 8, PADDED], npyz::Order::Fortran, u1);
    let f4: Vec<f32> = fortran().map(|at| pixel(2, at).unwrap_or(f32::NAN)).collect();
    write_npy(&file(&root, "videos", 2), &[6, 8, PADDED], npyz::Order::Fortran, f4);
    let transposed = trials[0].responses.t();
    let responses: Vec<f64> = (0..FRAMES).flat_map(|t| transposed.row(t).to_vec()).map(f64::from).collect();
    write_npy(&file(&root, "responses", 0), &[NEURONS, FRAMES], npyz::Order::Fortran, responses);
    let mouse = Mouse::open(&root).unwrap();
    for trial in &trials {
        assert_eq!(&mouse.read_trial(trial.id).unwrap(), trial, "trial {}", trial.id);
    }
}

#[test]
fn a_mouse_without_pupil_or_behavior_is_read() {
    for (behavior, pupil_center) in [(2, 0), (0, 2), (0, 0), (1, 3)] {
        let (_folder, root, trials) = write_mouse(behavior, pupil_center);
        let mouse = Mouse::open(&root).unwrap();
        assert_eq!((mouse.behavior_rows, mouse.pupil_center_rows), (behavior, pupil_center));
        assert_eq!(mouse.read_trial(TrialId(1)).unwrap(), trials[1]);
    }
}

#[test]
fn withheld_responses_leave_the_length_to_the_behavior() {
    let (_folder, root, trials) = write_mouse(2, 2);
    fs::remove_file(file(&root, "responses", 2)).unwrap();
    let mouse = Mouse::open(&root).unwrap();
    let summary = mouse.trial(TrialId(2)).unwrap();
    assert_eq!((summary.frames, summary.withheld), (FRAMES, true));
    assert_refused(mouse.read_trial(TrialId(2)), &["responses/2.npy", "live_test_main", "withheld"]);
    assert_eq!(mouse.read_movie(TrialId(2)).unwrap(), trials[2].movie);
}

#[test]
fn trials_of_one_movie_are_in_one_fold_and_tier_none_in_no_fold() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(folder.path()).unwrap();
    let mut meta = meta(6);
    meta.tiers[5] = Tier("none".into());
    for id in 0..6 {
        let movie = trial(id % 3, FRAMES, 0, 0).movie;
        writer.write_trial(&Trial { movie, ..trial(id, FRAMES, 0, 0) }, PADDED).unwrap();
    }
    writer.finish(&meta).unwrap();
    let folds = Folds::assign(&Mouse::open(folder.path()).unwrap(), 7).unwrap();
    assert_eq!(folds.get(TrialId(0)), folds.get(TrialId(3)));
    assert_eq!(folds.get(TrialId(1)), folds.get(TrialId(4)));
    assert_eq!(folds.get(TrialId(5)), None);
    for fold in 0..7 {
        let (inside, outside) = (folds.trials_in(fold).unwrap(), folds.trials_outside(fold).unwrap());
        assert_eq!(inside.len() + outside.len(), 5);
    }
    assert_eq!(folds.trials_in(7).unwrap_err().exit_code(), 2);
}

#[test]
fn the_writer_refuses_what_the_reader_would() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(folder.path()).unwrap();
    let mut uneven = trial(0, FRAMES, 2, 2);
    uneven.behavior = Array2::zeros((2, 3));
    assert_refused(writer.write_trial(&uneven, PADDED), &["trial 0: 40 response frames, 3 behavior frames"]);
    writer.write_trial(&trial(0, FRAMES, 2, 2), 0).unwrap();
    assert_refused(writer.write_trial(&trial(0, FRAMES, 2, 2), 0), &["twice"]);
    assert_refused(writer.write_trial(&trial(1, FRAMES, 1, 2), 0), &["trial 1"]);
    assert_refused(writer.finish(&meta(2)), &["2 tiers for 1 trials"]);
}

#[test]
fn the_manifest_of_the_published_trials_is_well_formed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sensorium_2023.toml");
    let manifest: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
    let mice = manifest["mice"].as_array().unwrap();
    assert_eq!(mice.len(), 5);
    for mouse in mice {
        let positions = mouse["published_positions"].as_array().unwrap();
        let distinct: std::collections::BTreeSet<_> =
            positions.iter().map(|p| p.as_integer().unwrap()).collect();
        assert_eq!((positions.len(), distinct.len()), (10, 10), "{mouse}");
    }
}
