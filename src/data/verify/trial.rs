//! Looks at the files of one trial: each array by itself, then whether they fit each other.

use super::array::{ArrayScan, Tally};
use super::problem::{Kind, Problem, Severity};
use super::storage::{Fault, Part, RawArray, Subject};
use crate::data::format::npy_tree::Array;
use crate::data::movies::MoviePrint;
use crate::data::trial::{Tier, TrialId};

/// What is kept of a trial once its files are closed.
#[derive(Debug)]
pub(super) struct TrialFacts {
    pub(super) id: TrialId,
    /// Lengths of all axes but time, of each array that could be read.
    pub(super) sizes: [Option<Vec<usize>>; 4],
    /// Valid frames; 0 when nothing says how many.
    pub(super) frames: usize,
    pub(super) print: Option<MoviePrint>,
    /// Its movie can be compared with others: it can be read and ends where the trial does.
    pub(super) comparable: bool,
    pub(super) problems: Vec<Problem>,
}

/// Looks at a trial; `tier` is `None` when the tiers can't be read or don't reach it.
pub(super) fn check(mouse: &Subject, id: TrialId, tier: Option<&Tier>) -> TrialFacts {
    let mut check = Check { mouse, id, tier, comparable: true, problems: Vec::new() };
    let scans = match mouse.storage.trial(id) {
        Ok(mut arrays) => Array::ALL.map(|array| {
            let found = std::mem::replace(&mut arrays[array as usize], Ok(None));
            check.open(array, found)
        }),
        Err((kind, message)) => {
            check.comparable = false;
            check.problems.push(mouse.problem(kind, Part::Whole, message).of_trial(id));
            [const { None }; 4]
        }
    };
    for (array, scan) in Array::ALL.into_iter().zip(&scans) {
        if let Some(scan) = scan {
            check.values(array, scan);
        }
    }
    let frames = check.lengths(&scans);
    let Check { comparable, mut problems, .. } = check;
    if tier.is_some_and(|tier| tier.0 == "none") {
        for problem in problems.iter_mut().filter(|problem| problem.kind.is_about_values()) {
            problem.severity = Severity::Remark;
        }
    }
    TrialFacts {
        id,
        sizes: scans.each_ref().map(|scan| {
            scan.as_ref().and_then(|scan| scan.raw.shape().split_last()).map(|(_, sizes)| sizes.to_vec())
        }),
        frames,
        print: scans[0].as_ref().and_then(|movie| print(movie, frames)),
        comparable,
        problems,
    }
}

struct Check<'a> {
    mouse: &'a Subject,
    id: TrialId,
    tier: Option<&'a Tier>,
    comparable: bool,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn report(&mut self, kind: Kind, array: Array, message: impl AsRef<str>) {
        // Where arrays disagree on where the trial ends, the movie may end first.
        let ends = [Kind::LengthsDiffer, Kind::ValueAfterEnd].contains(&kind);
        self.comparable &= !ends && array != Array::Movie;
        self.problems.push(self.mouse.problem(kind, Part::Array(array, self.id), message));
    }

    fn may_withhold(&self) -> bool {
        self.tier.is_some_and(Tier::may_withhold_responses)
    }

    /// Looks at an array that was opened, or reports why it is not there.
    fn open(&mut self, array: Array, found: Result<Option<RawArray>, Fault>) -> Option<ArrayScan> {
        let found = match found {
            Ok(Some(raw)) => ArrayScan::of(raw, array),
            Ok(None) => {
                self.missing(array);
                return None;
            }
            Err(fault) => Err(fault),
        };
        found.map_err(|(kind, message)| self.report(kind, array, message)).ok()
    }

    fn missing(&mut self, array: Array) {
        let withheld = array == Array::Responses && self.may_withhold();
        if !withheld && self.mouse.storage.has(array) {
            let tier = self.tier.map_or_else(String::new, |tier| format!(" of tier {:?}", tier.0));
            let restore = self.mouse.storage.restore();
            self.report(
                Kind::MissingFile,
                array,
                format!("missing; trial {}{tier} needs it: {restore}", self.id),
            );
        }
    }

    /// Reports what is wrong with the values of one array.
    fn values(&mut self, array: Array, scan: &ArrayScan) {
        if scan.end == 0 {
            // Without a tail of NaN, no array is an array that is not there.
            if array != Array::Responses || !self.may_withhold() || !scan.raw.ends_in_nan() {
                let message = "nothing but NaN; expected numbers: restore the file, or remove the trial";
                self.report(Kind::NoValidFrames, array, message);
            }
            return;
        }
        let mend = "mend the file, or leave the trial out by giving it the tier 'none'";
        let end = scan.end;
        let found = |tally: &Tally, what: &str| {
            let (row, frame, value) = tally.first?;
            let (count, row) =
                (tally.count, array.row_name(row, scan.raw.shape().get(1).copied().unwrap_or(1)));
            Some(format!("{what}: {value} at frame {frame}, {row}, and {} more in {end} frames", count - 1))
        };
        let tail = format!("expected numbers up to the NaN tail, which starts at frame {end}: {mend}");
        for (kind, tally, what, advice) in [
            (Kind::NanAtStart, &scan.leading_nan, "not a number from the start", tail.as_str()),
            (Kind::NanInside, &scan.inner_nan, "not a number inside the valid part", &tail),
            (Kind::NotFinite, &scan.infinite, "infinite in 32 bits", mend),
        ] {
            if let Some(found) = found(tally, what) {
                self.report(kind, array, format!("{found}; {advice}"));
            }
        }
        if let Some(found) = found(&scan.after_end, "a value after the trial's end") {
            let advice = "expected all rows to end together: put NaN there, or mend the rows that end early";
            self.report(Kind::ValueAfterEnd, array, format!("{found}; {advice}"));
        }
        match array {
            Array::Movie => {
                if let Some(found) = found(&scan.beyond_grey, "beyond the grey levels 0 to 255") {
                    self.report(
                        Kind::MovieOutOfRange,
                        array,
                        format!("{found}; rescale the movie to 0..255"),
                    );
                }
            }
            Array::Responses => self.responses(scan, found(&scan.negative, "below 0")),
            Array::Behavior | Array::PupilCenter => {
                if let Some((row, _, value)) = scan.constant_rows.first {
                    let message = format!(
                        "{} of {} rows never change, row {row} is {value} throughout: did the camera or the wheel \
                         fail? The trial can be used; leave it out by giving it the tier 'none'",
                        scan.constant_rows.count,
                        scan.raw.rows()
                    );
                    self.report(Kind::ConstantBehavior, array, message);
                }
            }
        }
    }

    fn responses(&mut self, scan: &ArrayScan, negative: Option<String>) {
        if !scan.any_nonzero {
            let tier = self.tier.map_or("", |tier| tier.0.as_str());
            let advice = if self.may_withhold() {
                "they seem withheld, and would pass for recorded silence: remove the file or fill it with NaN"
            } else {
                "no recording is that silent: restore the file, or leave the trial out by giving it the tier 'none'"
            };
            let message = format!("all responses of trial {} ({tier:?}) are 0; {advice}", self.id);
            self.report(Kind::ZeroResponses, Array::Responses, message);
        } else if let Some(found) = negative {
            let advice =
                "deconvolved activity is never below 0, and training takes it for 0: is this a raw trace?";
            self.report(Kind::NegativeResponses, Array::Responses, format!("{found}; {advice}"));
        }
    }

    /// Reports arrays that end elsewhere than most, and returns the trial's length.
    fn lengths(&mut self, scans: &[Option<ArrayScan>; 4]) -> usize {
        // Zeros in place of withheld responses may fill the tail as well; that they stand there is said.
        let counts = |array: &Array| {
            scans[*array as usize]
                .as_ref()
                .filter(|scan| scan.end > 0 && (*array != Array::Responses || scan.any_nonzero))
        };
        let by_authority = [Array::Responses, Array::Behavior, Array::PupilCenter, Array::Movie];
        let known: Vec<(Array, &ArrayScan)> =
            by_authority.into_iter().filter_map(|array| Some((array, counts(&array)?))).collect();
        let floats = known.iter().filter(|(_, scan)| scan.raw.ends_in_nan()).copied().collect::<Vec<_>>();
        let voters = if floats.is_empty() { &known } else { &floats };
        let votes = |end: usize| voters.iter().filter(|(_, scan)| scan.end == end).count();
        // The last of the greatest: of ends with as many votes, that of the highest authority.
        let Some(&(leader, most)) = voters.iter().rev().max_by_key(|(_, scan)| votes(scan.end)) else {
            return 0;
        };
        for (array, scan) in known {
            // Bytes may be as long as the padded arrays beside them.
            let padded = !scan.raw.ends_in_nan() && scan.end == most.raw.frames();
            if scan.end != most.end && !padded {
                let message = format!(
                    "{} {} frames, {} {} frames; expected equal lengths before the NaN tail: cut or pad them alike",
                    scan.end,
                    array.word(),
                    most.end,
                    leader.word()
                );
                self.report(Kind::LengthsDiffer, array, message);
            }
        }
        most.end
    }
}

/// Takes the print of a movie as far as the trial goes.
fn print(movie: &ArrayScan, frames: usize) -> Option<MoviePrint> {
    let &[height, width, stored] = movie.raw.shape() else { return None };
    let frame = |frame: usize| (0..height * width).map(|pixel| movie.raw.at(pixel, frame)).collect();
    Some(MoviePrint::of_frames([height, width], (0..frames.min(stored)).map(frame)))
}
