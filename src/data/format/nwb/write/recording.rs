//! The series of a recording: movies, responses, running and pupil, filled trial by trial.

use super::ExportOptions;
use super::export::Layout;
use super::general::{write_cells, write_plane, write_region};
use super::object::{Rows, Target};
use super::series::{About, MovieRows, are_bytes};
use crate::data::mouse::Mouse;
use crate::error::Result;
use crate::event::{Event, Observer};

/// Units of what no recording says the units of.
const UNKNOWN_UNIT: &str = "unknown";

/// The series of a recording, open to be filled.
struct Open {
    movie: MovieRows,
    responses: Rows,
    /// One for each row of behavior.
    behavior: Vec<Rows>,
    pupil_center: Option<Rows>,
}

/// Writes all trials.
pub(super) fn write_recording(
    root: &Target,
    mouse: &Mouse,
    layout: &Layout<'_>,
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<()> {
    let open = begin(root, mouse, layout, options)?;
    let task = || "export".to_string();
    observer.emit(Event::Started { task: task(), steps: layout.trials.len() as u64, unit: "trials" });
    for (at, (summary, &first)) in layout.trials.iter().zip(&layout.first).enumerate() {
        let trial = mouse.read_trial(summary.id)?;
        open.movie.write(first, trial.movie.view())?;
        open.responses.write(first, trial.responses.view())?;
        for (row, rows) in open.behavior.iter().enumerate() {
            rows.write(first, trial.behavior.slice(ndarray::s![row..=row, ..]))?;
        }
        if let Some(rows) = &open.pupil_center {
            rows.write(first, trial.pupil_center.view())?;
        }
        observer.emit(Event::Progress { task: task(), step: at as u64 + 1, loss: None });
    }
    observer.emit(Event::Finished { task: task() });
    Ok(())
}

/// Makes all groups and datasets of a recording; their values are still to come.
fn begin(root: &Target, mouse: &Mouse, layout: &Layout<'_>, options: &ExportOptions) -> Result<Open> {
    let mut bytes = true;
    for trial in &layout.trials {
        bytes = bytes && are_bytes(mouse.read_movie(trial.id)?.view());
    }
    let presentation = root.folder("stimulus")?.folder("presentation")?;
    let said = "The movies of all trials, end to end; grey levels, 0 is black and 255 white";
    let movie = about(layout, "movie", "ImageSeries", "grey level", said);
    let movie = movie.movie(&presentation, layout.frames, mouse.frame_size, bytes)?;
    let plane = write_plane(root, options)?;
    let ophys = root.folder("processing")?.object("ophys", "ProcessingModule")?;
    ophys.text_attribute("description", "Responses of the cells, and where these lie")?;
    let cells = write_cells(&ophys, &plane, mouse)?;
    let fluorescence = ophys.object("Fluorescence", "Fluorescence")?;
    let said = "Responses of the cells as v1reel reads them, the trials end to end";
    let responses = about(layout, &options.responses, "RoiResponseSeries", "a.u.", said);
    let (series, responses) = responses.channels(&fluorescence, layout.frames, Some(mouse.neurons))?;
    write_region(&series, &cells, mouse.neurons)?;
    if mouse.behavior_rows + mouse.pupil_center_rows == 0 {
        return Ok(Open { movie, responses, behavior: Vec::new(), pupil_center: None });
    }
    let module = root.folder("processing")?.object("behavior", "ProcessingModule")?;
    module.text_attribute("description", "Running and pupil, the trials end to end")?;
    let mut behavior = Vec::new();
    for row in 0..mouse.behavior_rows {
        let (container, name, said) = behavior_row(mouse.behavior_rows, row);
        let first = row == 0 || behavior_row(mouse.behavior_rows, row - 1).0 != container;
        let inside = if first { module.object(container, container) } else { module.folder(container) }?;
        let about = About { name: &name, ..about(layout, "", "TimeSeries", UNKNOWN_UNIT, said) };
        behavior.push(about.channels(&inside, layout.frames, None)?.1);
    }
    let pupil_center = match mouse.pupil_center_rows {
        0 => None,
        rows => {
            let inside = module.object("EyeTracking", "EyeTracking")?;
            let said = "Where the pupil is, x and y, in the eye camera's image";
            // NWB's word for unknown units of space.
            let about = about(layout, "pupil_center", "SpatialSeries", "n.a.", said);
            let (series, rows) = about.channels(&inside, layout.frames, Some(rows))?;
            series.text("reference_frame", "the eye camera's image; its origin is not known")?;
            Some(rows)
        }
    };
    Ok(Open { movie, responses, behavior, pupil_center })
}

/// Says what all series have in common: they start with the first trial.
fn about<'a>(
    layout: &Layout<'_>,
    name: &'a str,
    neurodata_type: &'a str,
    unit: &'a str,
    description: &'a str,
) -> About<'a> {
    About { name, neurodata_type, description, comments: "", unit, start_s: 0.0, rate_hz: layout.rate_hz }
}

/// Names a row of behavior: its container, which is also the container's type, and its series.
fn behavior_row(rows: usize, row: usize) -> (&'static str, String, &'static str) {
    match (rows, row) {
        (2, 0) => ("PupilTracking", "pupil_dilation".into(), "Size of the pupil"),
        (2, 1) => ("BehavioralTimeSeries", "running_speed".into(), "Running speed"),
        _ => {
            let said = "A row of the recording's behavior; which one is not known";
            ("BehavioralTimeSeries", format!("behavior_{row}"), said)
        }
    }
}
