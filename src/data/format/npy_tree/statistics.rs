//! Statistics of each array over trials, frame by frame, as the published recordings carry them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rayon::prelude::*;

use super::{Array, statistics_folder};
use crate::data::format::npy_array::{NpyArray, write_numbers};
use crate::data::trial::TrialId;
use crate::error::{Error, Result};

/// The files of one array's statistics, in the order of [`summarise`].
pub(crate) const NAMES: [&str; 5] = ["mean", "std", "min", "max", "median"];

/// Writes the statistics of every array over `trials`, read back from the files just written.
///
/// Each value is that of one element over trials; where no trial has a value, it is NaN.
pub(super) fn write(root: &Path, trials: &BTreeSet<TrialId>) -> Result<()> {
    for array in Array::ALL {
        let Some((shape, summaries)) = compute(root, array, trials)? else { continue };
        let folder = statistics_folder(root, array);
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        for (k, name) in NAMES.iter().enumerate() {
            let path = folder.join(format!("{name}.npy"));
            write_numbers(&path, &shape, summaries.iter().map(|summary| summary[k]))?;
        }
    }
    Ok(())
}

/// A shape, and for each of its elements what [`NAMES`] says.
pub(crate) type Summaries = (Vec<usize>, Vec<[f32; 5]>);

/// Computes the statistics of an array over those of `trials` that have it. `None` when no trial has it.
pub(crate) fn compute(root: &Path, array: Array, trials: &BTreeSet<TrialId>) -> Result<Option<Summaries>> {
    let files = trials.iter().map(|&id| array.file(root, id)).filter(|file| file.is_file());
    let maps: Vec<NpyArray> = files.map(|file| NpyArray::open(&file)).collect::<Result<_>>()?;
    let frames = maps.iter().map(NpyArray::frames).max().unwrap_or(0);
    let mut shape = maps.first().map_or_else(Vec::new, |map| map.shape().to_vec());
    let Some(last) = shape.last_mut() else { return Ok(None) };
    *last = frames;
    // One element of all trials at a time: the median needs them all, the memory is one column's.
    let rows: usize = shape[..shape.len() - 1].iter().product();
    let summaries = (0..rows * frames)
        .into_par_iter()
        .map_init(Vec::new, |column, at| {
            let (row, frame) = (at / frames, at % frames);
            column.clear();
            let valid = maps.iter().filter(|map| frame < map.frames());
            column.extend(valid.map(|map| map.at(row, frame)).filter(|value| !value.is_nan()));
            summarise(column)
        })
        .collect();
    Ok(Some((shape, summaries)))
}

/// Computes mean, standard deviation (ddof 0), least, greatest and median; NaN of nothing.
fn summarise(values: &mut [f32]) -> [f32; 5] {
    if values.is_empty() {
        return [f32::NAN; 5];
    }
    let count = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
    values.sort_unstable_by(f32::total_cmp);
    let middle = values.len() / 2;
    let median =
        if values.len() % 2 == 1 { values[middle] } else { 0.5 * (values[middle - 1] + values[middle]) };
    [mean as f32, variance.sqrt() as f32, values[0], values[values.len() - 1], median]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_match_hand_computed_values() {
        // Exact in f32: sums of small integers; the deviations are 2, 1, 0, 3 off the mean of 3.
        assert_eq!(summarise(&mut [1.0, 4.0, 3.0]), [8.0 / 3.0, (14.0f32 / 9.0).sqrt(), 1.0, 4.0, 3.0]);
        assert_eq!(summarise(&mut [1.0, 2.0, 3.0, 6.0]), [3.0, 3.5f32.sqrt(), 1.0, 6.0, 2.5]);
        assert!(summarise(&mut []).iter().all(|v| v.is_nan()));
    }
}
