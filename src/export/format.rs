//! The formats that there are.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Stacks that ImageJ opens with time as time, a file a movie.
    Tiff,
    /// Films for browsers and slides.
    Mp4,
    /// Films that loop, for slides and messages.
    Gif,
    /// All arrays of a movie for numpy.
    Npz,
    /// The whole run in one HDF5 file.
    H5,
    /// A file a mouse: the recording, and the movies at the times of their trials.
    Nwb,
    /// Tables as text.
    Csv,
    /// The same tables, typed and small.
    Parquet,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Tiff, Self::Mp4, Self::Gif, Self::Npz, Self::H5, Self::Nwb, Self::Csv, Self::Parquet];

    /// Its name, which is also that of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tiff => "tiff",
            Self::Mp4 => "mp4",
            Self::Gif => "gif",
            Self::Npz => "npz",
            Self::H5 => "h5",
            Self::Nwb => "nwb",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("\"{text}\" is no format; expected some of {names}")
        })
    }
}
