//! All of one NWB file, as trials at one rate.

use std::path::Path;

use ndarray::{Array2, Axis, concatenate};

use super::behavior::Behavior;
use super::choose::{Choice, PUPIL_CENTER, PUPIL_DILATION, RUNNING_SPEED, Wanted};
use super::object::Node;
use super::options::ImportOptions;
use super::resample::Grid;
use super::responses::Responses;
use super::series::find_series;
use super::stimulus::{Stimuli, StimulusOptions};
use super::trials::{Interval, read_intervals};
use crate::data::trial::{Tier, Trial, TrialId};
use crate::error::{Error, Result};

/// A trial of more frames is a slip in a table, or a whole session: an hour at 30 Hz.
const MOST_FRAMES: f64 = 1e5;

/// An open NWB file whose parts were found; trials are read on demand.
#[derive(Debug)]
pub struct Recording {
    root: Node,
    options: ImportOptions,
    responses: Responses,
    stimuli: Stimuli,
    /// Pupil dilation, running speed; those that there are.
    behavior: Vec<Behavior>,
    pupil_center: Option<Behavior>,
    intervals: Vec<Interval>,
    notes: Vec<String>,
}

impl Recording {
    /// Opens a file and finds responses, movies, behavior and trials in it.
    ///
    /// # Errors
    /// [`Error::Usage`] when an option is out of range; [`Error::Io`] and [`Error::Invalid`] when the file is none,
    /// is damaged, has no responses, no movies or no trials, or it is not clear which; says what to do.
    pub fn open(path: &Path, options: &ImportOptions) -> Result<Self> {
        options.check()?;
        let root = Node::open(path)?;
        let series = find_series(&root, &["processing", "acquisition"])?;
        let responses = Responses::open(&root, &series, &options.responses)?;
        let mut notes = responses.notes(options.rate_hz);
        let mut wanted = |wanted: &Wanted, choice: &Choice| -> Result<Option<Behavior>> {
            let Some(node) = wanted.choose(choice, &root, &series)? else {
                let why = if *choice == Choice::Without { "left out, as asked" } else { "none found" };
                let hint = if *choice == Choice::Without { "" } else { "; name it if it is there: " };
                let flag =
                    if hint.is_empty() { String::new() } else { format!("{hint}{} NAME", wanted.flag) };
                notes.push(format!("{}: {why}{flag}", wanted.what));
                return Ok(None);
            };
            let behavior = Behavior::read(&node, wanted.what, wanted.flag)?;
            notes.push(behavior.note(options.rate_hz));
            Ok(Some(behavior))
        };
        let dilation = wanted(&PUPIL_DILATION, &options.pupil)?;
        let running = wanted(&RUNNING_SPEED, &options.running)?;
        let pupil_center = wanted(&PUPIL_CENTER, &options.pupil_center)?;
        let asked = StimulusOptions {
            name: options.movie.as_deref(),
            axes: options.frame_axes,
            size: options.frame_size,
        };
        let stimuli = Stimuli::open(&root, &asked, &mut notes)?;
        notes.extend(stimuli.notes(options.rate_hz));
        let intervals = intervals(&root, options, &stimuli, &mut notes)?;
        let behavior = [dilation, running].into_iter().flatten().collect();
        Ok(Self {
            root,
            options: options.clone(),
            responses,
            stimuli,
            behavior,
            pupil_center,
            intervals,
            notes,
        })
    }

    /// Says what was taken for what, what was done to it, and what the file lacks.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Counts the rows of the table of trials.
    pub fn intervals(&self) -> usize {
        self.intervals.len()
    }

    /// Counts the neurons.
    pub fn neurons(&self) -> usize {
        self.responses.neurons()
    }

    /// Returns the neurons' ids.
    pub fn unit_ids(&self) -> &[i64] {
        &self.responses.rois.ids
    }

    /// Returns the neurons' places, `[neuron, (x, y, z)]`, when the file says them.
    pub fn places(&self) -> Option<&Array2<f32>> {
        self.responses.rois.places.as_ref()
    }

    /// Returns height and width of the frames.
    pub fn frame_size(&self) -> [usize; 2] {
        self.stimuli.frame_size
    }

    /// Returns the tier of a row of the table.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn tier(&self, row: usize) -> Tier {
        let tier = self.intervals[row].tier.clone().filter(|tier| !tier.is_empty());
        Tier(tier.unwrap_or_else(|| "train".into()))
    }

    /// Counts the frames of a row of the table at the common rate; `Err` says why it is no trial.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn frames(&self, row: usize) -> Result<usize, String> {
        let Interval { start, stop, .. } = self.intervals[row];
        // Rounded: a trial that lacks less than half a frame is not a frame shorter.
        let frames = ((stop - start) * self.options.rate_hz).round();
        if !(start.is_finite() && (1.0..=MOST_FRAMES).contains(&frames)) {
            return Err(format!(
                "it goes from {start} s to {stop} s, {frames} frames; expected 1 to {MOST_FRAMES}"
            ));
        }
        Ok(frames as usize)
    }

    /// Reads a row of the table as trial `id`; `Err` inside says why it is no trial.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the file is damaged.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn read_trial(&self, row: usize, id: TrialId) -> Result<Result<Trial, String>> {
        let frames = match self.frames(row) {
            Ok(frames) => frames,
            Err(why) => return Ok(Err(why)),
        };
        let (start, rate_hz) = (self.intervals[row].start, self.options.rate_hz);
        let times: Vec<f64> = (0..frames).map(|frame| start + frame as f64 / rate_hz).collect();
        let responses = match self.responses.read(&times, rate_hz)? {
            Ok(responses) => responses,
            Err(why) => return Ok(Err(why)),
        };
        let movie = match self.stimuli.read(&times, rate_hz)? {
            Ok(movie) => movie,
            Err(why) => return Ok(Err(why)),
        };
        if let Some(((frame, y, x), value)) = movie.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Ok(Err(format!("its movie is {value} in frame {frame}, pixel ({y}, {x})")));
        }
        if let Some(value) = movie.iter().find(|value| !(0.0..=255.0).contains(*value)) {
            return Err(self.root.problem(format!(
                "the movie has the value {value}; expected 0 (black) to 255 (white): mend the data, its conversion or \
                 its offset"
            )));
        }
        let grid = Grid { rate_hz, bridge_s: self.options.longest_gap_s };
        let rows = |series: &mut dyn Iterator<Item = &Behavior>| -> Result<Array2<f32>, String> {
            let parts: Vec<Array2<f32>> = series.map(|one| one.at(&times, grid)).collect::<Result<_, _>>()?;
            let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
            match views.is_empty() {
                true => Ok(Array2::zeros((0, frames))),
                false => concatenate(Axis(0), &views).map_err(|e| e.to_string()),
            }
        };
        let behavior = rows(&mut self.behavior.iter());
        let pupil_center = rows(&mut self.pupil_center.iter());
        Ok(behavior
            .and_then(|behavior| Ok(Trial { id, movie, responses, behavior, pupil_center: pupil_center? })))
    }

    /// Counts the rows of behavior and of pupil center.
    pub fn behavior_rows(&self) -> [usize; 2] {
        let behavior = self.behavior.iter().map(Behavior::rows).sum();
        [behavior, self.pupil_center.as_ref().map_or(0, Behavior::rows)]
    }

    /// Makes an error about the file as a whole.
    pub(super) fn problem(&self, problem: impl std::fmt::Display) -> Error {
        self.root.problem(problem)
    }
}

/// Reads the table of trials; without one, every presented series is a trial.
fn intervals(
    root: &Node,
    options: &ImportOptions,
    stimuli: &Stimuli,
    notes: &mut Vec<String>,
) -> Result<Vec<Interval>> {
    let Some((table, intervals)) = read_intervals(root, options.trials.as_deref(), &options.tier)? else {
        notes.push(
            "trials: the file has no table of them; each presented series is one, of tier train".into(),
        );
        let whole = stimuli.series.iter().map(|stimulus| {
            let (time, last) = (&stimulus.time, stimulus.time.len() - 1);
            Interval { start: time.at(0), stop: time.at(last) + time.period(), tier: None }
        });
        return Ok(whole.collect());
    };
    let tiers = match intervals.first().and_then(|first| first.tier.as_ref()) {
        Some(_) => format!("tiers from its column {}", options.tier),
        None => format!("it has no column {}: all are of tier train", options.tier),
    };
    notes.push(format!("trials: the {} rows of {}; {tiers}", intervals.len(), table.at));
    Ok(intervals)
}
