//! The movies that were shown: which frames were on the screen when.

use ndarray::Array3;

use super::choose::{is_called, unclear};
use super::object::{Field, Node};
use super::pixels::{FrameAxes, Pixels};
use super::series::find_series;
use super::time::TimeAxis;
use crate::error::{Error, Result};

/// A series with so many frames to one of ours is averaged.
const FASTER: f64 = 1.5;

/// Frames that stay for so many of their own durations are a break, not a movie.
const LONGEST: f64 = 3.0;

/// One series of presented frames.
#[derive(Debug)]
pub(super) struct Stimulus {
    /// The group in `stimulus/presentation`.
    pub(super) node: Node,
    /// When frames came onto the screen.
    pub(super) time: TimeAxis,
    pixels: Pixels,
    /// Of an IndexSeries, the template's frame at each time.
    index: Option<Vec<usize>>,
}

/// All presented movies, of one frame size.
#[derive(Debug)]
pub(super) struct Stimuli {
    /// By path.
    pub(super) series: Vec<Stimulus>,
    /// Height and width of the frames.
    pub(super) frame_size: [usize; 2],
}

/// What is asked of the stimulus.
#[derive(Debug, Clone, Default)]
pub(super) struct StimulusOptions<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) axes: Option<FrameAxes>,
    pub(super) size: Option<[usize; 2]>,
}

impl Stimuli {
    /// Opens the presented series, or the one that is asked for.
    pub(super) fn open(root: &Node, options: &StimulusOptions<'_>, notes: &mut Vec<String>) -> Result<Self> {
        // Some files have their movies among what was acquired; those are taken only by name.
        let places: &[&str] = match options.name {
            None => &["stimulus/presentation"],
            Some(_) => &["stimulus/presentation", "stimulus/templates", "acquisition", "processing"],
        };
        let all = find_series(root, places)?;
        let nodes = match options.name {
            None => all,
            Some(name) => {
                let fitting: Vec<&Node> = all.iter().filter(|node| is_called(node, name)).collect();
                match fitting[..] {
                    [node] => vec![node.clone()],
                    _ => return Err(unclear(root, "the movie", "--movie", name, &fitting, &all)),
                }
            }
        };
        let (mut series, mut refused) = (Vec::new(), Vec::new());
        for node in &nodes {
            match Stimulus::open(node, options) {
                Ok(stimulus) => series.push(stimulus),
                Err(error) => refused.push(error),
            }
        }
        let Some(frame_size) = series.first().map(|first: &Stimulus| first.pixels.size) else {
            return Err(refused.into_iter().next().unwrap_or_else(|| no_frames(root)));
        };
        notes.extend(refused.iter().map(|error| format!("movie left out: {error}")));
        if let Some(other) = series.iter().find(|other| other.pixels.size != frame_size) {
            return Err(other.node.problem(format!(
                "frames of {:?} pixels, height and width, but {} has {frame_size:?}; choose one with --movie, or make \
                 all one size with --frame-size",
                other.pixels.size, series[0].node.at
            )));
        }
        Ok(Self { series, frame_size })
    }

    /// Reads the frames at some times, `[frame, height, width]`; `Err` inside says why there are none.
    pub(super) fn read(&self, times: &[f64], rate_hz: f64) -> Result<Result<Array3<f32>, String>> {
        let mut why = None;
        for stimulus in &self.series {
            match stimulus.plan(times, rate_hz) {
                Ok(plan) => return Ok(Ok(stimulus.read(&plan)?)),
                // The series that ends in the middle of a trial says more than those that never came near.
                Err(reason) => why = why.filter(|_| !reason.near).or(Some(reason)),
            }
        }
        Ok(Err(why.map_or_else(String::new, |reason| reason.text)))
    }

    /// Says what was taken and what was done to it.
    pub(super) fn notes(&self, rate_hz: f64) -> Vec<String> {
        const SHOWN: usize = 3;
        let line = |stimulus: &Stimulus| {
            let own_hz = 1.0 / stimulus.time.period();
            let how = if stimulus.is_averaged(rate_hz) {
                format!("averaged over frames of 1/{rate_hz} s")
            } else if (own_hz / rate_hz - 1.0).abs() < 1e-3 {
                "one to one".into()
            } else {
                format!("held until the next, at {rate_hz} Hz")
            };
            format!("movie: {}, {own_hz:.4} Hz, {how}; {}", stimulus.node.at, stimulus.pixels.note())
        };
        let mut notes: Vec<String> = self.series.iter().take(SHOWN).map(line).collect();
        if self.series.len() > SHOWN {
            notes.push(format!("movie: and {} series more", self.series.len() - SHOWN));
        }
        notes
    }
}

/// Why a series does not show the times of a trial.
struct Reason {
    /// It shows some of them.
    near: bool,
    text: String,
}

impl Stimulus {
    fn open(node: &Node, options: &StimulusOptions<'_>) -> Result<Self> {
        // An IndexSeries shows frames of a template, again and again.
        if let Some(template) = node.group("indexed_timeseries") {
            let data = node.require("data")?;
            let index = data.indices()?;
            let pixels = Pixels::open(&template, options.axes, options.size)?;
            if let Some(beyond) = index.iter().find(|&&frame| frame >= pixels.frames) {
                let problem = format!("shows frame {beyond} of the {} in {}", pixels.frames, template.at);
                return Err(data.problem(problem));
            }
            let time = movie_times(node, &data, index.len())?;
            return Ok(Self { node: node.clone(), time, pixels, index: Some(index) });
        }
        if node.neurodata_type() == "IndexSeries" {
            return Err(node.problem(
                "shows single images (indexed_images), which are not read; expected an ImageSeries, or an \
                 IndexSeries into one",
            ));
        }
        let pixels = Pixels::open(node, options.axes, options.size)?;
        let time = movie_times(node, &node.require("data")?, pixels.frames)?;
        Ok(Self { node: node.clone(), time, pixels, index: None })
    }

    fn is_averaged(&self, rate_hz: f64) -> bool {
        self.time.period() * rate_hz * FASTER < 1.0
    }

    /// Finds for each time the samples `from..to` that are shown then.
    fn plan(&self, times: &[f64], rate_hz: f64) -> Result<Vec<(usize, usize)>, Reason> {
        let (time, period) = (&self.time, self.time.period());
        let frame_s = 1.0 / rate_hz;
        let last = time.len() - 1;
        let near = times.first().is_some_and(|&start| start <= time.at(last))
            && times.last().is_some_and(|&end| end >= time.at(0));
        let refuse = |what: String| Reason { near, text: format!("{} {what}", self.node.at) };
        let shown = |&start: &f64| {
            // Half a frame of ours later: where both have one rate, jitter then moves no frame.
            let middle = start + 0.5 * frame_s.min(period);
            let count = time.count_until(middle);
            let Some(current) = count.checked_sub(1) else {
                return Err(refuse(format!("begins at {:.3} s, after {start:.3} s", time.at(0))));
            };
            let (from, until) = (time.at(current), if current == last { None } else { Some(time.at(count)) });
            if middle - from > LONGEST * period {
                return Err(refuse(match until {
                    None => format!("ends at {from:.3} s, before {start:.3} s"),
                    Some(until) => format!("has no frames between {from:.3} s and {until:.3} s"),
                }));
            }
            if self.is_averaged(rate_hz) {
                // A quarter of a frame of theirs earlier: jitter then moves none over our borders.
                let early = 0.25 * period;
                let first = time.count_until(start - early);
                let end = time.count_until(start + frame_s - early);
                if first < end {
                    return Ok((first, end));
                }
            }
            Ok((current, current + 1))
        };
        times.iter().map(shown).collect()
    }

    /// Reads the frames of a plan.
    fn read(&self, plan: &[(usize, usize)]) -> Result<Array3<f32>> {
        let direct: Vec<usize>;
        let (frames, offset) = match &self.index {
            Some(index) => (index, 0),
            None => {
                let (first, end) = (plan.first().map_or(0, |p| p.0), plan.last().map_or(0, |p| p.1));
                direct = (first..end).collect();
                (&direct, first)
            }
        };
        let wanted: Vec<&[usize]> =
            plan.iter().map(|&(from, to)| &frames[from - offset..to - offset]).collect();
        self.pixels.read(&wanted)
    }
}

/// Reads the times of a series that is to be a movie.
fn movie_times(node: &Node, data: &Field, frames: usize) -> Result<TimeAxis> {
    if frames < 2 {
        return Err(data.problem(format!("{frames} frames; expected a movie of two or more")));
    }
    TimeAxis::read(node, data, frames)
}

fn no_frames(root: &Node) -> Error {
    root.problem(
        "has no frames of movies in stimulus/presentation: without them nothing can be trained. Write the movies \
         into the file as an ImageSeries, or name the series that holds them with --movie",
    )
}
