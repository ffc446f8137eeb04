//! Curves, tables and pictures that a run's commands left: of training, masks, validation, ablations.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::number::{short, shorten};
use super::packed;
use super::run::{Run, names_in};
use crate::error::{Error, Result};
use crate::train::member::read_csv;

/// Rows of a table beyond this are left in its file.
const MOST_ROWS: usize = 500;
/// Pictures beyond this many bytes are left in their file.
const LARGEST_PICTURE: u64 = 2_000_000;
/// Tables that stand elsewhere in the report: scores of trials, and of every neuron, which are summed up.
const TRIALS: &str = "trials.csv";
const RESPONSES: &str = "responses.csv";

/// How one member learned.
#[derive(Debug, Serialize)]
pub(super) struct LearningCurve {
    member: usize,
    steps: Vec<u64>,
    training_loss: Vec<Option<f64>>,
    validation_correlation: Vec<Option<f64>>,
}

/// Reads the learning curves of the members that were trained in this run.
///
/// # Errors
/// When one is damaged.
pub(super) fn learning_curves(run: &Run) -> Result<Vec<LearningCurve>> {
    let mut members: Vec<usize> =
        names_in(&run.folder.path().join("members"))?.iter().filter_map(|name| name.parse().ok()).collect();
    members.sort_unstable();
    let mut curves = Vec::new();
    for member in members {
        let path = run.folder.member(member).join("metrics.csv");
        if !path.exists() {
            continue;
        }
        let epochs = read_csv(&path)?;
        curves.push(LearningCurve {
            member,
            steps: epochs.iter().map(|epoch| epoch.step).collect(),
            training_loss: shorten(epochs.iter().map(|epoch| epoch.training_loss)),
            validation_correlation: shorten(
                epochs.iter().map(|epoch| epoch.validation_correlation.unwrap_or(f64::NAN)),
            ),
        });
    }
    Ok(curves)
}

/// The loss of a mask's training, from the run's log.
#[derive(Debug, Serialize)]
pub(super) struct MaskLosses {
    task: String,
    steps: Vec<u64>,
    losses: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct LogLine {
    task: String,
    step: u64,
    loss: f64,
}

/// Reads how the masks were trained from the logs; lines that say something else are passed over.
///
/// # Errors
/// When a log can't be read.
pub(super) fn mask_losses(run: &Run) -> Result<Vec<MaskLosses>> {
    let mut tasks: BTreeMap<String, BTreeMap<u64, f64>> = BTreeMap::new();
    for path in run.folder.event_logs() {
        // Line by line: the log of a long training is large.
        let log = BufReader::new(File::open(&path).map_err(Error::io(&path))?);
        for line in log.split(b'\n') {
            let line = line.map_err(Error::io(&path))?;
            match serde_json::from_slice::<LogLine>(&line) {
                // A mask that was trained again: the later one counts.
                Ok(line) if line.task.starts_with("mask ") => {
                    tasks.entry(line.task).or_default().insert(line.step, line.loss);
                }
                _ => {}
            }
        }
    }
    let losses = tasks.into_iter().map(|(task, points)| MaskLosses {
        task,
        steps: points.keys().copied().collect(),
        losses: shorten(points.into_values()),
    });
    Ok(losses.collect())
}

/// A table as it stands in a file.
#[derive(Debug, Serialize)]
pub(super) struct Rows {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Rows of the file that are not shown.
    left_out: usize,
}

/// Reads the run's other tables, `*.csv` of its evaluation; that of every neuron is averaged.
///
/// # Errors
/// When one can't be read.
pub(super) fn tables(run: &Run) -> Result<Vec<Rows>> {
    let mut tables = Vec::new();
    let folder = run.folder.evaluation();
    for file in files_below(&folder, "csv")? {
        let path = folder.join(&file);
        match file.as_str() {
            TRIALS => {}
            RESPONSES => tables.push(responses(&path)?),
            _ => tables.push(plain(&path, file)?),
        }
    }
    Ok(tables)
}

/// Lists the files with an extension in a folder and its folders, by their path inside.
fn files_below(folder: &Path, extension: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for name in names_in(folder)? {
        let path = folder.join(&name);
        if path.is_dir() {
            found.extend(files_below(&path, extension)?.iter().map(|inside| format!("{name}/{inside}")));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(name);
        }
    }
    Ok(found)
}

fn open(path: &Path) -> Result<(csv::Reader<File>, Vec<String>)> {
    let mut reader = csv::Reader::from_path(path).map_err(|e| Error::invalid(path, e.to_string()))?;
    let columns = reader.headers().map_err(|e| Error::invalid(path, e.to_string()))?;
    let columns = columns.iter().map(str::to_string).collect();
    Ok((reader, columns))
}

fn plain(path: &Path, file: String) -> Result<Rows> {
    let (mut reader, columns) = open(path)?;
    let (mut rows, mut left_out) = (Vec::new(), 0);
    for record in reader.records() {
        let record = record.map_err(|e| Error::invalid(path, e.to_string()))?;
        if rows.len() < MOST_ROWS {
            rows.push(record.iter().map(cell).collect());
        } else {
            left_out += 1;
        }
    }
    Ok(Rows { title: file, columns, rows, left_out })
}

/// Shortens the numbers of a table; counts and texts stay.
fn cell(text: &str) -> String {
    let number = text.contains('.').then(|| text.parse::<f64>().ok()).flatten().and_then(short);
    number.map_or_else(|| text.to_string(), |number| number.to_string())
}

/// Neurons seen, and of each score the sum and of how many.
type Sums = (usize, [(f64, usize); 3]);

/// Averages the scores of neurons, for each mouse and predictor.
fn responses(path: &Path) -> Result<Rows> {
    const SCORES: [&str; 3] = ["single_trial_correlation", "correlation_to_average", "oracle"];
    let (mut reader, heading) = open(path)?;
    let place = |name: &str| {
        let place = heading.iter().position(|column| column == name);
        place.ok_or_else(|| {
            Error::invalid(path, format!("has no column {name}; validate again (v1reel validate)"))
        })
    };
    let labels = [place("mouse")?, place("predictor")?];
    let scores = [place(SCORES[0])?, place(SCORES[1])?, place(SCORES[2])?];
    // In the order of the file: members, then the ensemble, then what can be attained.
    let mut order: Vec<[String; 2]> = Vec::new();
    let mut sums: BTreeMap<[String; 2], Sums> = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|e| Error::invalid(path, e.to_string()))?;
        let label = labels.map(|at| record[at].to_string());
        if !sums.contains_key(&label) {
            order.push(label.clone());
        }
        let (neurons, sums) = sums.entry(label).or_default();
        *neurons += 1;
        for (sum, at) in sums.iter_mut().zip(scores) {
            if let Ok(score) = record[at].parse::<f64>() {
                *sum = (sum.0 + score, sum.1 + 1);
            }
        }
    }
    let row = |label: [String; 2]| {
        let (neurons, sums) = sums[&label];
        let means = sums.map(|(sum, count)| short(sum / count as f64).map(|mean| mean.to_string()));
        let texts = label.into_iter().chain([neurons.to_string()]);
        texts.chain(means.map(Option::unwrap_or_default)).collect()
    };
    let columns = ["mouse", "predictor", "neurons"].into_iter().chain(SCORES).map(str::to_string).collect();
    let title = "Predicted responses to held-out movies, mean over neurons".to_string();
    Ok(Rows { title, columns, rows: order.into_iter().map(row).collect(), left_out: 0 })
}

/// A picture that a command drew.
#[derive(Debug, Serialize)]
pub(super) struct Picture {
    title: String,
    /// Base64 of a PNG.
    png: String,
}

/// Reads the run's other pictures, `*.png` of its evaluation.
///
/// # Errors
/// When one can't be read.
pub(super) fn pictures(run: &Run) -> Result<Vec<Picture>> {
    let folder = run.folder.evaluation();
    let mut pictures = Vec::new();
    for title in files_below(&folder, "png")? {
        let path = folder.join(&title);
        if std::fs::metadata(&path).map_err(Error::io(&path))?.len() <= LARGEST_PICTURE {
            let png = packed::plain(&std::fs::read(&path).map_err(Error::io(&path))?);
            pictures.push(Picture { title, png });
        }
    }
    Ok(pictures)
}
