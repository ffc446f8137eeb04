//! Series of files of others are read as they mean.

use hdf5::Group;

use super::foreign::*;
use super::*;

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
