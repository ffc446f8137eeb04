//! How good a reconstruction was on its way, against what it had cost: quality against compute.

use std::path::Path;

use ndarray::ArrayView3;
use serde::{Deserialize, Serialize};

use crate::csv_file::write_records;
use crate::data::input::Geometry;
use crate::data::{MouseId, TrialId};
use crate::error::{Error, Result};
use crate::metric::correlation::pixel_correlation;
use crate::reconstruct::result::MemberResult;
use crate::reconstruct::{Reconstruction, ReconstructionConfig, postprocess};

/// One row of `evaluation/course.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoursePoint {
    /// Whose trial it is.
    pub mouse: String,
    /// Which trial.
    pub trial: u32,
    /// Iterations done.
    pub iteration: u64,
    /// Gradients of one clip through one member that were computed until then.
    pub clip_gradients: u64,
    /// Of the movie that would have been the result: combined, filtered, masked. NaN (empty) where undefined.
    pub pixel_correlation: Option<f64>,
}

/// Scores the snapshots of one trial, as its result is scored. None where no snapshots were kept.
///
/// # Errors
/// [`Error::Failed`] when the raw movies have different snapshots.
pub fn course(
    (mouse, trial): (&MouseId, TrialId),
    raw: &[MemberResult],
    result: &Reconstruction,
    geometry: Geometry,
    config: &ReconstructionConfig,
) -> Result<Vec<CoursePoint>> {
    let Some(first) = raw.first() else { return Ok(Vec::new()) };
    if raw.iter().any(|movie| movie.snapshots.iterations != first.snapshots.iterations) {
        let problem = "its members have snapshots of different iterations; reconstruct it again";
        return Err(Error::Failed(format!("mouse {mouse}, trial {trial}: {problem}")));
    }
    let mask = result.scored();
    let point = |(index, &iteration): (usize, &u64)| {
        let movies: Vec<ArrayView3<f32>> =
            raw.iter().map(|movie| movie.snapshots.movies[index].view()).collect();
        let shown = postprocess::finish(&movies, geometry, &mask, config);
        let r = pixel_correlation(result.ground_truth.view(), shown.view(), mask.view());
        CoursePoint {
            mouse: mouse.to_string(),
            trial: trial.0,
            iteration,
            clip_gradients: raw.iter().map(|movie| movie.snapshots.clip_gradients[index]).sum(),
            pixel_correlation: r.is_finite().then_some(r),
        }
    };
    Ok(first.snapshots.iterations.iter().enumerate().map(point).collect())
}

/// Writes the points as CSV.
///
/// # Errors
/// When it can't be written.
pub fn write_course(path: &Path, points: &[CoursePoint]) -> Result<()> {
    write_records(path, points)
}

/// Reads what [`write_course`] wrote.
///
/// # Errors
/// [`Error::Invalid`] when it is not there or damaged.
pub fn read_course(path: &Path) -> Result<Vec<CoursePoint>> {
    let failed = |e: csv::Error| Error::invalid(path, format!("{e}; evaluate again (v1reel evaluate)"));
    let mut reader = csv::Reader::from_path(path).map_err(failed)?;
    reader.deserialize().collect::<Result<Vec<CoursePoint>, _>>().map_err(failed)
}

/// Averages a course over the trials of each mouse, then over mice: `(clip gradients, pixel correlation)` after each
/// iteration that every trial has. Clip gradients are averaged too: trials differ in length.
pub fn mean_course(points: &[CoursePoint]) -> Vec<(f64, f64)> {
    let mut mice: Vec<&str> = points.iter().map(|point| point.mouse.as_str()).collect();
    mice.sort_unstable();
    mice.dedup();
    let mut iterations: Vec<u64> = points.iter().map(|point| point.iteration).collect();
    iterations.sort_unstable();
    iterations.dedup();
    let trials = |points: &mut dyn Iterator<Item = &CoursePoint>| {
        let mut trials: Vec<(&str, u32)> = points.map(|point| (point.mouse.as_str(), point.trial)).collect();
        trials.sort_unstable();
        trials.dedup();
        trials.len()
    };
    let all = trials(&mut points.iter());
    iterations.retain(|&iteration| trials(&mut points.iter().filter(|p| p.iteration == iteration)) == all);
    let at = |iteration: u64| {
        let of_mouse = |mouse: &&str| {
            let own = || points.iter().filter(|p| p.mouse == **mouse && p.iteration == iteration);
            let count = own().count() as f64;
            let gradients: f64 = own().map(|p| p.clip_gradients as f64).sum();
            let r: f64 = own().map(|p| p.pixel_correlation.unwrap_or(f64::NAN)).sum();
            (gradients / count, r / count)
        };
        let sums = mice.iter().map(of_mouse).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        (sums.0 / mice.len() as f64, sums.1 / mice.len() as f64)
    };
    iterations.into_iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::input::Padding;
    use crate::reconstruct::Snapshots;
    use ndarray::{Array2, Array3};

    fn point(mouse: &str, trial: u32, iteration: u64, clip_gradients: u64, r: Option<f64>) -> CoursePoint {
        CoursePoint { mouse: mouse.into(), trial, iteration, clip_gradients, pixel_correlation: r }
    }

    #[test]
    fn a_snapshot_is_scored_as_the_result_would_be_and_costs_add_up_over_members() {
        let truth = Array3::from_shape_fn((6, 4, 5), |(t, y, x)| ((t * 29 + y * 13 + x * 7) % 41) as f32);
        let noise = Array3::from_shape_fn((6, 4, 5), |(t, y, x)| ((t * 5 + y * 17 + x * 3) % 11) as f32);
        let config = ReconstructionConfig { skip_frames: 2, ..ReconstructionConfig::default() };
        let geometry = Geometry::new([4, 5], [4, 5], Padding::Center).unwrap();
        let mask = Array2::from_shape_fn((4, 5), |(y, _)| y > 0);
        let finished = |movies: &[ArrayView3<f32>]| postprocess::finish(movies, geometry, &mask, &config);
        let member = |movie: &Array3<f32>, spent: u64| MemberResult {
            movie: movie.clone(),
            losses: vec![0.0; 4],
            response_correlations: vec![0.0; 4],
            snapshots: Snapshots {
                iterations: vec![1, 4],
                clip_gradients: vec![spent, 4 * spent],
                movies: vec![noise.clone(), movie.clone()],
            },
            settings: String::new(),
        };
        let raw = [member(&truth, 10), member(&(&truth + &noise), 12)];
        let movies = [raw[0].movie.view(), raw[1].movie.view()];
        let result = Reconstruction {
            movie: finished(&movies),
            ground_truth: postprocess::cut(truth.view(), 2),
            mask: mask.mapv(u8::from),
            responses: Array2::zeros((1, 6)),
            predicted_responses: Array2::zeros((1, 6)),
            losses: Array2::zeros((2, 4)),
            first_frame: 2,
            frame_rate_hz: 30.0,
            settings: String::new(),
        };
        let mouse = MouseId("a".into());
        let found = course((&mouse, TrialId(3)), &raw, &result, geometry, &config).unwrap();
        let r =
            |movie: &Array3<f32>| pixel_correlation(result.ground_truth.view(), movie.view(), mask.view());
        let early = r(&finished(&[noise.view(), noise.view()]));
        let expected = [point("a", 3, 1, 22, Some(early)), point("a", 3, 4, 88, Some(r(&result.movie)))];
        assert_eq!(found, expected);
        assert!(early < 0.5 && r(&result.movie) > 0.7);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("course.csv");
        write_course(&path, &found).unwrap();
        assert_eq!(read_course(&path).unwrap(), found);
        std::fs::write(&path, "mouse,trial\na,first\n").unwrap();
        assert!(read_course(&path).unwrap_err().to_string().contains("course.csv"));
    }

    #[test]
    fn a_mean_course_weighs_mice_alike_and_stops_where_a_trial_has_no_movie() {
        let points = [
            point("a", 1, 2, 10, Some(0.2)),
            point("a", 2, 2, 30, Some(0.4)),
            point("b", 1, 2, 40, Some(0.7)),
            point("a", 1, 5, 25, Some(0.5)),
        ];
        assert_eq!(mean_course(&points), [(30.0, 0.5)]);
        assert!(mean_course(&[]).is_empty());
    }
}
