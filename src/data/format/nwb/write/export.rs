//! Makes an NWB file of a mouse, and of the movies that were reconstructed from it.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::Array3;

use super::general::write_root;
use super::object::{Target, column, uuid};
use super::recording::write_recording;
use super::series::About;
use super::{ExportOptions, ReconstructedMovie};
use crate::atomic;
use crate::data::mouse::{Mouse, TrialSummary};
use crate::data::trial::{Trial, TrialId};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::hdf5_file::unlocked;

/// What became of a mouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Trials that were written.
    pub trials: usize,
    /// Trials that were published without their responses.
    pub withheld: usize,
    /// Reconstructed movies that were written.
    pub reconstructions: usize,
}

/// Trials laid end to end.
pub(super) struct Layout<'a> {
    pub(super) trials: Vec<&'a TrialSummary>,
    /// The first frame of each trial.
    pub(super) first: Vec<usize>,
    /// All frames.
    pub(super) frames: usize,
    pub(super) rate_hz: f64,
}

/// Writes the NWB file `out`, whole or not at all.
///
/// # Errors
/// [`Error::Usage`] when `out` is there already or an option is not what it should be; [`Error::Invalid`] when the
/// recording is damaged, or a reconstruction is of none of its trials; [`Error::Failed`] and [`Error::Io`] when the
/// file can't be written.
pub fn export(
    mouse: &Mouse,
    reconstructions: &[ReconstructedMovie],
    out: &Path,
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<Exported> {
    options.check()?;
    if out.exists() && !options.replace {
        return Err(Error::usage(format!("{} is there already; move it away first", out.display())));
    }
    let layout = Layout::new(mouse, options.rate_hz)?;
    if mouse.pupil_center_rows > 3 {
        let rows = mouse.pupil_center_rows;
        return Err(Error::invalid(&mouse.root, format!("pupil center has {rows} rows; NWB takes up to 3")));
    }
    let exported = Exported {
        trials: layout.trials.len(),
        withheld: mouse.trials.len() - layout.trials.len(),
        reconstructions: reconstructions.len(),
    };
    if exported.withheld > 0 {
        let message =
            format!("{} trials without responses are left out: they are withheld", exported.withheld);
        observer.emit(Event::Note { message });
    }
    atomic::write_file(out, |temporary| {
        let file = unlocked()
            .create(temporary)
            .map_err(|e| Error::Failed(format!("{}: can't be written: {e}", out.display())))?;
        let identifier = identifier(mouse, &layout)?;
        let root = Target::root(&file, out, &identifier)?;
        write_root(&root, &identifier, mouse, options)?;
        write_trials(&root, mouse, &layout)?;
        write_recording(&root, mouse, &layout, options, observer)?;
        write_reconstructions(&root, mouse, &layout, reconstructions)?;
        file.close().map_err(|e| root.failed(&e))
    })?;
    Ok(exported)
}

impl<'a> Layout<'a> {
    fn new(mouse: &'a Mouse, rate_hz: f64) -> Result<Self> {
        let trials: Vec<&TrialSummary> = mouse.trials.iter().filter(|trial| !trial.withheld).collect();
        if trials.is_empty() {
            return Err(Error::invalid(&mouse.root, "no trial has responses: there is nothing to write"));
        }
        let (mut first, mut frames) = (Vec::with_capacity(trials.len()), 0);
        for trial in &trials {
            first.push(frames);
            frames += trial.frames;
        }
        Ok(Self { trials, first, frames, rate_hz })
    }

    /// Returns the seconds from the start to a frame.
    fn seconds(&self, frame: usize) -> f64 {
        frame as f64 / self.rate_hz
    }
}

/// Names a file by what is in it: names, sizes, tiers, and the first trial in full.
fn identifier(mouse: &Mouse, layout: &Layout<'_>) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut names = format!("{} {} {:?} {}", mouse.id, mouse.neurons, mouse.frame_size, layout.rate_hz);
    layout.trials.iter().for_each(|trial| names += &format!(" {} {} {}", trial.id, trial.tier, trial.frames));
    hasher.update(names.as_bytes());
    let Trial { movie, responses, behavior, pupil_center, .. } = mouse.read_trial(layout.trials[0].id)?;
    for value in movie.iter().chain(&responses).chain(&behavior).chain(&pupil_center) {
        hasher.update(&value.to_le_bytes());
    }
    Ok(uuid("v1reel data export", hasher.finalize().to_hex().as_str()))
}

fn write_trials(root: &Target, mouse: &Mouse, layout: &Layout<'_>) -> Result<()> {
    let table = root.folder("intervals")?.object("trials", "TimeIntervals")?;
    let said = format!("Trials of mouse {}: one movie each; the time between them is not known", mouse.id);
    table.text_attribute("description", &said)?;
    table.texts_attribute("colnames", &["start_time", "stop_time", "tier", "trial"])?;
    let ends = layout.first.iter().zip(&layout.trials).map(|(first, trial)| first + trial.frames);
    let starts: Vec<f64> = layout.first.iter().map(|&frame| layout.seconds(frame)).collect();
    let stops: Vec<f64> = ends.map(|frame| layout.seconds(frame)).collect();
    let tiers: Vec<&str> = layout.trials.iter().map(|trial| trial.tier.0.as_str()).collect();
    let numbers: Vec<i64> = layout.trials.iter().map(|trial| trial.id.0.into()).collect();
    let ids: Vec<i64> = (0i64..).take(numbers.len()).collect();
    for (written, description) in [
        (table.array("start_time", column(&starts))?, "start of the trial, in seconds"),
        (table.array("stop_time", column(&stops))?, "end of the trial, in seconds"),
        (table.texts("tier", &tiers)?, "the dataset's own split label"),
        (table.array("trial", column(&numbers))?, "the recording's own number of the trial"),
    ] {
        table.mark_column(&written, "VectorData", description)?;
    }
    table.mark_column(&table.array("id", column(&ids))?, "ElementIdentifiers", "")
}

fn write_reconstructions(
    root: &Target,
    mouse: &Mouse,
    layout: &Layout<'_>,
    reconstructions: &[ReconstructedMovie],
) -> Result<()> {
    if reconstructions.is_empty() {
        return Ok(());
    }
    let module = root.folder("processing")?.object("reconstruction", "ProcessingModule")?;
    module.text_attribute(
        "description",
        "Movies reconstructed by v1reel from the responses, at the times of the trials that they are of",
    )?;
    let first: BTreeMap<TrialId, (usize, usize)> =
        layout.trials.iter().zip(&layout.first).map(|(t, &at)| (t.id, (at, t.frames))).collect();
    for made in reconstructions {
        let trial = made.trial;
        let frames = made.movie.dim().0;
        let at = first.get(&trial).filter(|(_, length)| made.first_frame + frames <= *length);
        let Some(&(at, _)) = at else {
            return Err(Error::invalid(
                &mouse.root,
                format!(
                    "a reconstruction shows frames {} to {} of trial {trial}, which the recording does not have: is it \
                     of another mouse?",
                    made.first_frame,
                    made.first_frame + frames
                ),
            ));
        };
        write_reconstruction(&module, made, layout.seconds(at + made.first_frame), layout.rate_hz)?;
    }
    Ok(())
}

fn write_reconstruction(
    module: &Target,
    made: &ReconstructedMovie,
    start_s: f64,
    rate_hz: f64,
) -> Result<()> {
    let movie: &Array3<f32> = &made.movie;
    let (frames, height, width) = movie.dim();
    let (suffix, from) = match &made.condition {
        None => (String::new(), "the responses".to_string()),
        Some(condition) => (format!("_{}", condition.replace('/', "_")), format!("a control ({condition})")),
    };
    let about = About {
        name: &format!("reconstruction_trial_{}{suffix}", made.trial),
        neurodata_type: "ImageSeries",
        description: &format!(
            "The movie of trial {} as reconstructed from {from}, from its frame {} on; grey levels 0 to 255, \
             mid-grey (127.5) outside the mask of scored pixels",
            made.trial, made.first_frame
        ),
        comments: &made.settings,
        unit: "grey level",
        start_s,
        rate_hz,
    };
    about.movie(module, frames, [height, width], false)?.write(0, movie.view())
}
