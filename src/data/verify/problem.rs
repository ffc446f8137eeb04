//! What can be wrong with a recording: one word for each trap, for people who read and programs that count.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::data::mouse::MouseId;
use crate::data::trial::TrialId;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A trial, or the whole mouse, can't be used as it is.
    Error,
    /// Everything can be used; somebody should know.
    Remark,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Remark => "remark",
        })
    }
}

/// The traps. Their words are stable: scripts may rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// No mouse was found where one was expected.
    NotAMouse,
    /// There is no `tiers.npy`.
    MissingTiers,
    /// The tiers and the numbered files are not about the same trials.
    TiersMismatch,
    /// An `N.npy` that the tiers promise is not there.
    MissingFile,
    /// A file can't be opened, is cut short, or is no array that is read.
    UnreadableFile,
    /// The elements are of a type that recordings are not stored in.
    WrongType,
    /// The axes are not those of such an array, or one of them is empty.
    WrongShape,
    /// A trial or a list has another number of neurons than the mouse.
    NeuronCountDiffers,
    /// A movie has another frame size than the mouse's other movies.
    FrameSizeDiffers,
    /// Behavior or pupil center has another number of rows than in the mouse's other trials.
    RowCountDiffers,
    /// The arrays of one trial end at different frames.
    LengthsDiffer,
    /// An array has no value at all.
    NoValidFrames,
    /// A row starts with NaN, so that whoever looks for the first NaN finds a trial of no frames.
    NanAtStart,
    /// NaN amid the valid part.
    NanInside,
    /// An infinite value, or one too large for 32 bits.
    NotFinite,
    /// A row goes on after the trial's end.
    ValueAfterEnd,
    /// All responses of a trial are 0: withheld ones that pass for recorded silence.
    ZeroResponses,
    /// A movie that is held out, or one that is alike, is trained on too.
    HeldOutMovieInTraining,
    /// A movie leaves 0..255.
    MovieOutOfRange,
    /// Responses below 0, which training clips.
    NegativeResponses,
    /// A behavioral trace that never changes in a trial.
    ConstantBehavior,
    /// A trial shows the movie of an earlier one.
    RepeatedMovie,
    /// A trial shows nearly the movie of another one, or a part of it.
    AlikeMovies,
    /// The recording has no statistics of an array.
    NoStatistics,
    /// Statistics that can't be read.
    UnreadableStatistics,
    /// A row of an NWB file's table of trials that an import leaves out.
    NotImported,
    /// The readers refuse the mouse for another reason than those above.
    CannotBeOpened,
}

impl Kind {
    /// Returns the kind's stable name, in `snake_case`.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotAMouse => "not_a_mouse",
            Self::MissingTiers => "missing_tiers",
            Self::TiersMismatch => "tiers_mismatch",
            Self::MissingFile => "missing_file",
            Self::UnreadableFile => "unreadable_file",
            Self::WrongType => "wrong_type",
            Self::WrongShape => "wrong_shape",
            Self::NeuronCountDiffers => "neuron_count_differs",
            Self::FrameSizeDiffers => "frame_size_differs",
            Self::RowCountDiffers => "row_count_differs",
            Self::LengthsDiffer => "lengths_differ",
            Self::NoValidFrames => "no_valid_frames",
            Self::NanAtStart => "nan_at_start",
            Self::NanInside => "nan_inside",
            Self::NotFinite => "not_finite",
            Self::ValueAfterEnd => "value_after_end",
            Self::ZeroResponses => "zero_responses",
            Self::HeldOutMovieInTraining => "held_out_movie_in_training",
            Self::MovieOutOfRange => "movie_out_of_range",
            Self::NegativeResponses => "negative_responses",
            Self::ConstantBehavior => "constant_behavior",
            Self::RepeatedMovie => "repeated_movie",
            Self::AlikeMovies => "alike_movies",
            Self::NoStatistics => "no_statistics",
            Self::UnreadableStatistics => "unreadable_statistics",
            Self::NotImported => "not_imported",
            Self::CannotBeOpened => "cannot_be_opened",
        }
    }

    /// Says how bad such a problem is in a trial that is in use.
    pub fn severity(self) -> Severity {
        match self {
            Self::NegativeResponses
            | Self::ConstantBehavior
            | Self::RepeatedMovie
            | Self::AlikeMovies
            | Self::NoStatistics
            | Self::NotImported
            | Self::UnreadableStatistics => Severity::Remark,
            _ => Severity::Error,
        }
    }

    /// Says whether only a trial's values are at fault, so that the tier `none` puts it out of harm's way.
    pub(super) fn is_about_values(self) -> bool {
        matches!(
            self,
            Self::NanAtStart
                | Self::NanInside
                | Self::NotFinite
                | Self::ZeroResponses
                | Self::MovieOutOfRange
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// One thing that is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which trap.
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// The mouse, when it is about one.
    pub mouse: Option<MouseId>,
    /// The trial, when it is about one.
    pub trial: Option<TrialId>,
    /// The file or folder at fault.
    pub file: Option<PathBuf>,
    /// What was found, what was expected and what to do, without the file's name.
    pub message: String,
}

impl Problem {
    /// Makes a problem about a file of a mouse.
    pub(super) fn new(
        kind: Kind,
        mouse: &MouseId,
        file: impl AsRef<Path>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            severity: kind.severity(),
            mouse: Some(mouse.clone()),
            trial: None,
            file: Some(file.as_ref().to_path_buf()),
            message: message.into(),
        }
    }

    /// Says which trial it is about.
    pub(super) fn of_trial(self, id: TrialId) -> Self {
        Self { trial: Some(id), ..self }
    }
}
