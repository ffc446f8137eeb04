//! Tables: CSV and Parquet.

use std::fs::File;

use ndarray::Axis;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use v1reel::evaluate::Scores;

use super::made::{FIRST, FRAMES, RATE_HZ, anna, result, trial};
use super::*;

/// Heading and rows of a table.
fn read(path: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let heading = reader.headers().unwrap().iter().map(str::to_string).collect();
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_string).collect()).collect();
    (heading, rows)
}

fn column(heading: &[String], name: &str) -> usize {
    heading.iter().position(|found| found == name).unwrap_or_else(|| panic!("no column {name}: {heading:?}"))
}

#[test]
fn trials_have_the_scores_of_their_movies_and_controls_once_evaluated() {
    let run = MadeRun::new();
    let trials = run.file("csv/trials.csv");
    exported(&run, &[Format::Csv], &["recorded", "shuffled-neurons", "linear-decoder"], false);
    let (heading, rows) = read(&trials);
    let [score, control, condition, response] =
        ["pixel_correlation", "control_mean_movie", "condition", "response_correlation"]
            .map(|name| column(&heading, name));
    let conditions: Vec<&str> = rows.iter().map(|row| row[condition].as_str()).collect();
    assert_eq!(conditions, ["recorded", "recorded", "linear_decoder", "shuffled_neurons"]);
    for (row, share) in [(0, 1.0), (1, 1.0), (3, 0.3)] {
        let expected = Scores::of(&result(if row == 0 { 0 } else { 2 }, share));
        assert_eq!(rows[row][score].parse::<f64>().unwrap(), expected.pixel_correlation);
        assert_eq!(rows[row][control], "", "not evaluated yet");
    }
    assert_eq!(rows[2][response], "", "a linear decoder predicts no responses");
    fs::create_dir_all(run.run().join("evaluation")).unwrap();
    let evaluated = "mouse,trial,pixel_correlation,control_mean_movie\nanna,2,0.75,-0.5\n";
    fs::write(run.run().join("evaluation/trials.csv"), evaluated).unwrap();
    exported(&run, &[Format::Csv], &["recorded"], false);
    let (_, rows) = read(&trials);
    assert_eq!((rows[1][score].as_str(), rows[1][control].as_str()), ("0.75", "-0.5"));
}

#[test]
fn frames_behavior_and_losses_have_a_row_each() {
    let run = MadeRun::new();
    exported(&run, &[Format::Csv], &[], false);
    let (heading, rows) = read(&run.file("csv/frames.csv"));
    assert_eq!(rows.len(), 2 * FRAMES);
    let at = |name: &str| column(&heading, name);
    let expected = result(0, 1.0);
    for (frame, row) in rows[..FRAMES].iter().enumerate() {
        assert_eq!(row[at("frame")], frame.to_string());
        assert_eq!(row[at("time_s")].parse::<f64>().unwrap(), frame as f64 / RATE_HZ);
        assert_eq!(row[at("frame_correlation")].is_empty(), frame < FIRST);
        let mean: f64 = expected.responses.column(frame).iter().map(|&r| f64::from(r)).sum::<f64>() / 5.0;
        assert_eq!(row[at("mean_response")].parse::<f64>().unwrap(), mean);
    }
    let predicted: f64 =
        rows[..FRAMES].iter().map(|row| row[at("mean_predicted_response")].parse::<f64>().unwrap()).sum();
    let mean = f64::from(expected.predicted_responses.mean_axis(Axis(0)).unwrap().sum());
    // f32 sums in another order.
    assert!((predicted - mean).abs() < 1e-3);

    let (heading, rows) = read(&run.file("csv/behavior.csv"));
    assert_eq!(rows.len(), 2 * FRAMES);
    let behavior = trial(2);
    for (name, value) in [
        ("running_speed", behavior.behavior[[1, 7]]),
        ("pupil_dilation", behavior.behavior[[0, 7]]),
        ("pupil_center_x", behavior.pupil_center[[0, 7]]),
        ("pupil_center_y", behavior.pupil_center[[1, 7]]),
    ] {
        assert_eq!(rows[FRAMES + 7][column(&heading, name)].parse::<f32>().unwrap(), value, "{name}");
    }
    let (_, rows) = read(&run.file("csv/losses.csv"));
    assert_eq!(rows.len(), 2 * 2 * 3);
    assert_eq!(rows[5], ["anna", "0", "recorded", "1", "2", "-4"]);
}

#[test]
fn parquet_holds_the_same_tables_with_types() {
    let run = MadeRun::new();
    exported(&run, &[Format::Csv, Format::Parquet], &["all"], false);
    for table in ["trials", "frames", "behavior", "losses"] {
        let (heading, rows) = read(&run.file(&format!("csv/{table}.csv")));
        let file = File::open(run.file(&format!("parquet/{table}.parquet"))).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let names: Vec<String> = {
            let schema = reader.metadata().file_metadata().schema_descr();
            schema.columns().iter().map(|column| column.name().to_string()).collect()
        };
        assert_eq!(names, heading);
        let mut count = 0;
        for (row, expected) in reader.get_row_iter(None).unwrap().zip(&rows) {
            let row = row.unwrap();
            for (at, expected) in expected.iter().enumerate() {
                let found = row.get_string(at).cloned().or_else(|_| row.get_long(at).map(|n| n.to_string()));
                let found = found.or_else(|_| row.get_double(at).map(|n| n.to_string())).unwrap_or_default();
                assert_eq!(&found, expected, "{table}, {}", heading[at]);
            }
            count += 1;
        }
        assert_eq!(count, rows.len());
        assert_eq!(rows[0][0], anna().0);
    }
}

#[test]
fn a_recording_that_is_gone_leaves_the_other_tables() {
    let run = MadeRun::new();
    fs::remove_dir_all(run.mouse()).unwrap();
    exported(&run, &[Format::Csv, Format::Npz], &[], false);
    assert!(run.file("csv/frames.csv").exists() && !run.file("csv/behavior.csv").exists());
    assert!(run.file("npz/anna_trial_0_reconstruction.npz").exists());
}
