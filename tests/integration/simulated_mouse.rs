//! The simulated mouse is what it says: reproducible, like a recording, and its truth is the truth.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, Axis};
use v1reel::data::{Mouse, TrialId};
use v1reel::event::Silent;
use v1reel::hdf5_file::unlocked;
use v1reel::metric::correlation;
use v1reel::simulate::{MovieSource, SimulationConfig, TRUTH_FILE, simulate};

fn config(neurons: usize, trials: usize) -> SimulationConfig {
    SimulationConfig { neurons, trials, height: 18, width: 32, ..SimulationConfig::default() }
}

fn make(config: &SimulationConfig) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mouse = folder.path().join("mouse");
    simulate(config, &mouse, &Silent).unwrap();
    (folder, mouse)
}

/// All files of the recording by name, without the truth: HDF5 files hold no times but are compared apart.
fn recording(mouse: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![mouse.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "npy") {
                found.push((path.strip_prefix(mouse).unwrap().to_path_buf(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

fn truth(mouse: &Path, trial: u32) -> Array2<f32> {
    unlocked()
        .open(mouse.join(TRUTH_FILE))
        .unwrap()
        .dataset(&format!("expected/{trial}"))
        .unwrap()
        .read()
        .unwrap()
}

fn parameter(mouse: &Path, name: &str) -> Array1<f32> {
    unlocked()
        .open(mouse.join(TRUTH_FILE))
        .unwrap()
        .dataset(&format!("neurons/{name}"))
        .unwrap()
        .read()
        .unwrap()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * q).round() as usize]
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let config = SimulationConfig { frames: 60, padded_frames: 64, ..config(6, 4) };
    let (_a, first) = on_threads(1, || make(&config));
    let (_b, second) = on_threads(2, || make(&config));
    let (first_files, second_files) = (recording(&first), recording(&second));
    assert!(first_files.len() > 16);
    assert!(first_files == second_files);
    assert_eq!(truth(&first, 2), truth(&second, 2));
    let other = SimulationConfig { seed: "another".into(), ..config };
    let (_c, third) = make(&other);
    let differs = |name: &str| {
        let of = |files: &[(PathBuf, Vec<u8>)]| {
            files.iter().find(|(path, _)| path.ends_with(name)).unwrap().1.clone()
        };
        of(&first_files) != of(&recording(&third))
    };
    assert!(differs("videos/0.npy") && differs("responses/0.npy"));
}

#[test]
fn a_written_mouse_opens_with_its_shapes_and_its_nan_tail() {
    let config = SimulationConfig { frames: 50, padded_frames: 64, ..config(9, 5) };
    let (_folder, path) = make(&config);
    let mouse = Mouse::open(&path).unwrap();
    assert_eq!((mouse.neurons, mouse.frame_size, mouse.trials.len()), (9, [18, 32], 5));
    assert_eq!((mouse.behavior_rows, mouse.pupil_center_rows), (2, 2));
    assert!(mouse.trials.iter().all(|trial| trial.frames == 50));
    let trial = mouse.read_trial(TrialId(3)).unwrap();
    assert_eq!((trial.movie.dim(), trial.responses.dim()), ((50, 18, 32), (9, 50)));
    assert!(trial.movie.iter().all(|pixel| (0.0..=255.0).contains(pixel)));
    assert!(trial.responses.iter().all(|response| *response >= 0.0));
    let coordinates = mouse.cell_motor_coordinates.unwrap();
    assert!(coordinates.column(0).iter().all(|x| {
        (0.0..=620.0).contains(&(x - coordinates.column(0).iter().copied().fold(f32::INFINITY, f32::min)))
    }));
    assert!(coordinates.column(2).iter().all(|depth_um| (200.0..=425.0).contains(depth_um)));
}

#[test]
fn response_statistics_are_like_those_of_real_mice() {
    let (_folder, path) = make(&config(200, 12));
    let mouse = Mouse::open(&path).unwrap();
    let trials: Vec<_> = mouse.trials.iter().map(|trial| mouse.read_trial(trial.id).unwrap()).collect();
    let (mut means, mut deviations, mut medians, mut ceilings) = (vec![], vec![], vec![], vec![]);
    for neuron in 0..200 {
        let mut values: Vec<f64> = trials
            .iter()
            .flat_map(|t| t.responses.row(neuron).iter().map(|&v| f64::from(v)).collect::<Vec<_>>())
            .collect();
        let m = mean(&values);
        means.push(m);
        deviations.push(mean(&values.iter().map(|v| (v - m).powi(2)).collect::<Vec<_>>()).sqrt());
        medians.push(quantile(&mut values, 0.5));
    }
    for trial in &trials {
        let expected = truth(&path, trial.id.0);
        ceilings.push(correlation::response_correlation(expected.view(), trial.responses.view()));
    }
    // Sensorium 2023: typical mean 2.5 (0.9 to 10 for most), sd 12.6 (3.8 to 52), median 0. Twice either way.
    let typical = quantile(&mut means, 0.5);
    assert!((1.25..5.0).contains(&typical), "mean {typical}");
    let deviation = quantile(&mut deviations, 0.5);
    assert!((6.3..25.2).contains(&deviation), "sd {deviation}");
    assert_eq!(quantile(&mut medians, 0.5), 0.0);
    // The best single-trial correlation that any model can reach: real neurons are about as noisy.
    let ceiling = mean(&ceilings);
    assert!((0.2..0.6).contains(&ceiling), "ceiling {ceiling}");
}

#[test]
fn movies_have_the_amplitude_spectrum_of_natural_scenes() {
    let (_folder, path) = make(&SimulationConfig { frames: 60, padded_frames: 60, ..config(1, 12) });
    let mouse = Mouse::open(&path).unwrap();
    let mut sums = [0.0f64; 12];
    let mut plan = rustfft::FftPlanner::<f64>::new();
    let fft = plan.plan_fft_forward(32);
    let (mut total, mut squares, mut count) = (0.0, 0.0, 0.0);
    for summary in &mouse.trials {
        let movie = mouse.read_movie(summary.id).unwrap();
        for row in movie.lanes(Axis(2)) {
            let mut line: Vec<_> =
                row.iter().map(|&v| rustfft::num_complex::Complex::new(f64::from(v), 0.0)).collect();
            fft.process(&mut line);
            sums.iter_mut().enumerate().for_each(|(k, sum)| *sum += line[k + 1].norm());
        }
        for &pixel in &movie {
            total += f64::from(pixel);
            squares += f64::from(pixel).powi(2);
            count += 1.0;
        }
    }
    let points: Vec<(f64, f64)> =
        sums.iter().enumerate().map(|(k, sum)| (((k + 1) as f64).ln(), sum.ln())).collect();
    let (mx, my) = (
        mean(&points.iter().map(|p| p.0).collect::<Vec<_>>()),
        mean(&points.iter().map(|p| p.1).collect::<Vec<_>>()),
    );
    let slope = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>()
        / points.iter().map(|p| (p.0 - mx).powi(2)).sum::<f64>();
    assert!((-1.7..-0.6).contains(&slope), "slope {slope}");
    let (m, sd) = (total / count, (squares / count - (total / count).powi(2)).sqrt());
    // Sensorium 2023: mean 80, sd 58; twelve movies are few.
    assert!((50.0..110.0).contains(&m) && (35.0..80.0).contains(&sd), "mean {m}, sd {sd}");
}

#[test]
fn running_raises_the_expected_responses_of_neurons_with_gain() {
    let (_folder, path) = make(&config(120, 10));
    let mouse = Mouse::open(&path).unwrap();
    let gain = parameter(&path, "running_gain");
    // [neuron, (still, running)]: sums of expected responses, and frames.
    let (mut sums, mut frames) = (Array2::<f64>::zeros((120, 2)), [0.0f64; 2]);
    for summary in &mouse.trials {
        let trial = mouse.read_trial(summary.id).unwrap();
        let expected = truth(&path, summary.id.0);
        for (frame, &speed) in trial.behavior.row(1).iter().enumerate() {
            let runs = usize::from(speed > 1.0);
            frames[runs] += 1.0;
            for neuron in 0..120 {
                sums[[neuron, runs]] += f64::from(expected[[neuron, frame]]);
            }
        }
    }
    assert!(frames[0] > 100.0 && frames[1] > 100.0, "{frames:?}");
    let log_ratio = |which: &dyn Fn(f32) -> bool| {
        let ratios: Vec<f64> = (0..120)
            .filter(|&n| which(gain[n]))
            .map(|n| ((sums[[n, 1]] / frames[1]) / (sums[[n, 0]] / frames[0])).ln())
            .collect();
        assert!(ratios.len() > 10, "{} neurons", ratios.len());
        mean(&ratios)
    };
    let (with, without) = (log_ratio(&|g| g > 0.5), log_ratio(&|g| g == 0.0));
    // What was shown and the pupil differ between the two states too, but alike for both groups.
    assert!(with > without + 0.1, "log ratio with gain {with}, without {without}");
}

#[test]
fn video_files_become_trials() {
    let shared = std::env::var_os("V1REEL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let file = shared.join("data/natural-video/carphone_pristine.mp4");
    if !file.exists() {
        println!("skipped: {} is not there", file.display());
        return;
    }
    let source = MovieSource::Files(vec![file]);
    let (_folder, path) =
        make(&SimulationConfig { movie_source: source, frames: 40, padded_frames: 40, ..config(2, 3) });
    let mouse = Mouse::open(&path).unwrap();
    for summary in &mouse.trials {
        let movie = mouse.read_movie(summary.id).unwrap();
        assert_eq!(movie.dim(), (40, 18, 32));
        assert!(movie.std(0.0) > 10.0, "the clip is nearly constant");
    }
}

#[test]
fn a_bad_video_is_named_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.mp4");
    fs::write(&text, "this is no video").unwrap();
    for file in [text, folder.path().join("missing.mp4")] {
        let source = MovieSource::Files(vec![file.clone()]);
        let config = SimulationConfig { movie_source: source, ..config(2, 2) };
        let mouse = folder.path().join("mouse");
        let message = simulate(&config, &mouse, &Silent).unwrap_err().to_string();
        assert!(message.contains(file.file_name().unwrap().to_str().unwrap()), "{message}");
        assert!(!message.contains('\n') && !mouse.exists());
    }
}

#[test]
fn an_existing_folder_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let error = simulate(&config(2, 2), folder.path(), &Silent).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
