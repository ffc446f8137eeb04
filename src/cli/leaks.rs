//! Looks through the recordings of an experiment, and whether its folds leak: whether a movie that a member leaves out
//! is trained on through another trial.

use std::path::Path;

use super::split::FoldedMice;
use crate::data::movies::{Leak, Place};
use crate::data::verify::{Kind, Problem, Report, Severity, Split, verify};
use crate::data::{FoldBy, Mouse};
use crate::error::Result;
use crate::event::Observer;
use crate::experiment::Experiment;

/// Verifies the mice of an experiment file, and its folds where every mouse is sound.
///
/// # Errors
/// When the file is no experiment, or its folds leave nothing to train on.
pub fn verify_experiment(path: &Path, observer: &dyn Observer) -> Result<Report> {
    let experiment = Experiment::load(path, &[])?;
    let mut report = verify(&experiment.data.mice, Split::Other, observer)?;
    // With broken recordings training fails as well: the folds are looked at once they are mended.
    if report.count(Severity::Error) > 0 {
        return Ok(report);
    }
    let mice = experiment.data.mice.iter().map(Mouse::open).collect::<Result<Vec<_>>>()?;
    let folded = FoldedMice::new(mice, &experiment, None, observer)?;
    for leak in folded.held_out_in_training(&experiment)? {
        report.add(problem(&folded, leak, experiment.data.fold_by, path));
    }
    Ok(report)
}

fn problem(folded: &FoldedMice, leak: Leak, fold_by: FoldBy, experiment: &Path) -> Problem {
    let name = |place: Place| {
        let fold = folded.fold(place).map(|fold| format!(" (fold {fold})")).unwrap_or_default();
        format!("trial {} of mouse {}{fold}", place.trial, folded.mice()[place.mouse].id)
    };
    let [held_out, learned] = leak.places.map(name);
    let advice = match fold_by {
        FoldBy::Published => "set data.fold_by = \"groups\", which keeps both in one fold",
        FoldBy::Groups => "leave out one of the two by the tier 'none'",
    };
    let message = format!(
        "{held_out} is held out, but {learned} is trained on: {}. What a model makes of it may be memory: {advice}",
        leak.likeness
    );
    let place = leak.places[0];
    Problem {
        kind: Kind::HeldOutMovieInTraining,
        severity: Severity::Error,
        mouse: Some(folded.mice()[place.mouse].id.clone()),
        trial: Some(place.trial),
        file: Some(experiment.to_path_buf()),
        message,
    }
}
