//! `v1reel data import` and `v1reel data export`: recordings from and to NWB files.

use std::path::Path;

use crate::cli::args::nwb::{NwbExportArgs, NwbImportArgs};
use crate::cli::output;
use crate::cli::session::Session;
use crate::data::format::nwb::{
    ExportOptions, ImportOptions, ReconstructedMovie, UNKNOWN_TIME, export, from_unix_seconds, import,
};
use crate::data::{Mouse, MouseId, TrialId};
use crate::error::{Error, Result};
use crate::reconstruct::result::Reconstruction;
use crate::run_folder::{RECORDED, RunFolder};

/// Imports.
///
/// # Errors
/// See [`import`].
pub fn run_import(args: &NwbImportArgs, session: &Session) -> Result<()> {
    let options = ImportOptions {
        rate_hz: args.rate,
        responses: args.responses.clone(),
        running: args.running.clone(),
        pupil: args.pupil.clone(),
        pupil_center: args.pupil_center.clone(),
        movie: args.movie.clone(),
        frame_axes: args.frame_axes,
        frame_size: args.frame_size,
        trials: args.trials.clone(),
        tier: args.tier.clone(),
        longest_gap_s: args.longest_gap,
    };
    let imported = import(&args.file, &args.out, &options, session.observer())?;
    let ([height, width], [behavior, pupil_center]) = (imported.frame_size, imported.behavior_rows);
    output::line(format!(
        "{}: {} neurons, {} trials at {} Hz ({} left out), frames of {height} x {width} pixels, {behavior} rows of \
         behavior, {pupil_center} of pupil center",
        args.out.display(),
        imported.neurons,
        imported.trials,
        args.rate,
        imported.left_out.len(),
    ))
}

/// Exports.
///
/// # Errors
/// When the mouse or a reconstruction can't be read; see [`export`].
pub fn run_export(args: &NwbExportArgs, session: &Session) -> Result<()> {
    let mouse = Mouse::open(&args.mouse)?;
    let reconstructions = match &args.reconstructions {
        None => Vec::new(),
        Some(run) => read_reconstructions(run, &mouse.id, args.rate)?,
    };
    let options = ExportOptions {
        rate_hz: args.rate,
        responses: args.responses.clone(),
        session_start: args.session_start.clone(),
        created: created(args.created.clone(), std::env::var("SOURCE_DATE_EPOCH").ok())?,
        subject_id: args.subject_id.clone(),
        species: args.species.clone(),
        sex: args.sex.clone(),
        age: args.age.clone(),
        indicator: args.indicator.clone(),
        location: args.location.clone(),
        replace: false,
    };
    let exported = export(&mouse, &reconstructions, &args.out, &options, session.observer())?;
    output::line(format!(
        "{}: {} neurons, {} trials, {} reconstructions",
        args.out.display(),
        mouse.neurons,
        exported.trials,
        exported.reconstructions
    ))
}

/// Says when a file was made: what was given, what the environment says, or nothing.
fn created(given: Option<String>, epoch: Option<String>) -> Result<String> {
    match (given, epoch) {
        (Some(given), _) => Ok(given),
        (None, Some(epoch)) => epoch.trim().parse().map(from_unix_seconds).map_err(|_| {
            Error::usage(format!("SOURCE_DATE_EPOCH is {epoch:?}; expected seconds after the Unix epoch"))
        }),
        (None, None) => Ok(UNKNOWN_TIME.into()),
    }
}

/// Reads what a run reconstructed from the recorded responses of a mouse, by ascending trial.
fn read_reconstructions(run: &Path, mouse: &MouseId, rate_hz: f64) -> Result<Vec<ReconstructedMovie>> {
    let folder = RunFolder::new(run);
    let any = folder.reconstruction(RECORDED, mouse, TrialId(0));
    let of_mouse = any.parent().unwrap_or(run);
    let entries = std::fs::read_dir(of_mouse).map_err(|_| {
        let problem =
            format!("no reconstructions of mouse {mouse}: reconstruct first, or is this another run?");
        Error::invalid(run, problem)
    })?;
    let mut trials = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::io(of_mouse))?.file_name();
        trials.extend(name.to_str().and_then(|name| name.parse().ok()).map(TrialId));
    }
    trials.sort_unstable();
    let paths = trials.into_iter().map(|trial| (trial, folder.ensemble(RECORDED, mouse, trial)));
    let found = paths.filter(|(_, path)| path.is_file()).map(|(trial, path)| {
        let made = Reconstruction::read(&path)?;
        if made.frame_rate_hz != rate_hz {
            let found = made.frame_rate_hz;
            return Err(Error::invalid(path, format!("made at {found} Hz, but --rate is {rate_hz} Hz")));
        }
        let Reconstruction { movie, first_frame, settings, .. } = made;
        Ok(ReconstructedMovie { trial, movie, first_frame, settings, condition: None })
    });
    let found: Vec<ReconstructedMovie> = found.collect::<Result<_>>()?;
    if found.is_empty() {
        return Err(Error::invalid(
            of_mouse,
            "no finished reconstruction (ensemble.h5) in it: reconstruct first",
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_as_old_as_it_is_told_and_never_as_the_clock_says() {
        let given = || Some("2020-01-01T00:00:00Z".to_string());
        assert_eq!(created(given(), Some("86400".into())).unwrap(), "2020-01-01T00:00:00Z");
        assert_eq!(created(None, Some("86400".into())).unwrap(), "1970-01-02T00:00:00+00:00");
        assert_eq!(created(None, None).unwrap(), UNKNOWN_TIME);
        assert_eq!(created(None, Some("now".into())).unwrap_err().exit_code(), 2);
    }
}
