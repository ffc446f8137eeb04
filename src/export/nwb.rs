//! A file a mouse: its recording, and what was reconstructed from it at the times of the trials.

use super::plan::Plan;
use super::shown::Shown;
use super::write::{ExportedFile, Out};
use crate::data::MouseId;
use crate::data::format::nwb::{ExportOptions, ReconstructedMovie, export};
use crate::error::{Error, Result};
use crate::run_folder::RECORDED;

/// Writes `MOUSE.nwb` for every mouse.
pub(super) fn write(out: &Out, plan: &Plan) -> Result<Vec<ExportedFile>> {
    plan.mice().into_iter().map(|mouse| write_mouse(out, plan, mouse)).collect()
}

fn write_mouse(out: &Out, plan: &Plan, mouse: &MouseId) -> Result<ExportedFile> {
    let path = out.folder.join(format!("{mouse}.nwb"));
    let recording = plan.run.recording(mouse).map_err(|problem| {
        let problem = format!("an NWB file of mouse {mouse} takes its recording too: {problem}");
        Error::invalid(plan.run.folder.path(), problem)
    })?;
    let mut made = Vec::new();
    let mut rate_hz = None;
    for trial in plan.trials.iter().filter(|trial| &trial.mouse == mouse) {
        for item in &trial.items {
            let Shown { condition, result, .. } = Shown::read(plan, trial, item, false)?;
            let rate = *rate_hz.get_or_insert(result.frame_rate_hz);
            if rate != result.frame_rate_hz {
                let problem =
                    format!("{} frames a second; the trials before have {rate}", result.frame_rate_hz);
                return Err(Error::invalid(&item.file, problem));
            }
            made.push(ReconstructedMovie {
                trial: trial.trial,
                movie: result.movie,
                first_frame: result.first_frame,
                settings: result.settings,
                condition: (condition != RECORDED).then_some(condition),
            });
        }
    }
    let options = ExportOptions {
        rate_hz: rate_hz.unwrap_or(ExportOptions::default().rate_hz),
        replace: true,
        ..ExportOptions::default()
    };
    export(recording, &made, &path, &options, out.observer)?;
    Ok(out.listed(path, Some(mouse), "recording and reconstructions"))
}
