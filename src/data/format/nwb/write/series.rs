//! Series of a file that is being written: movies, responses, behavior.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, s};

use super::object::{Rows, Target, rate_attributes, unit_attributes};
use crate::error::Result;

/// What is said of a series beside its values.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) name: &'a str,
    pub(super) neurodata_type: &'a str,
    pub(super) description: &'a str,
    pub(super) comments: &'a str,
    pub(super) unit: &'a str,
    pub(super) start_s: f64,
    pub(super) rate_hz: f64,
}

/// Movies whose pixels are written as bytes or as floats.
#[derive(Debug)]
pub(super) struct MovieRows {
    rows: Rows,
    bytes: bool,
}

impl About<'_> {
    /// Makes the series' group and says when its samples were taken; its values are still to come.
    fn begin(&self, inside: &Target) -> Result<Target> {
        let group = inside.object(self.name, self.neurodata_type)?;
        group.text_attribute("description", self.description)?;
        group.text_attribute(
            "comments",
            if self.comments.is_empty() { "no comments" } else { self.comments },
        )?;
        let starting = group.number("starting_time", self.start_s)?;
        rate_attributes(&starting, self.rate_hz).map_err(|e| group.failed(&e))?;
        Ok(group)
    }

    /// Makes a series of `[time, channel]`, or `[time]` for one channel.
    pub(super) fn channels(
        &self,
        inside: &Target,
        samples: usize,
        channels: Option<usize>,
    ) -> Result<(Target, Rows)> {
        let group = self.begin(inside)?;
        let shape: Vec<usize> = [samples].into_iter().chain(channels).collect();
        let rows = group.rows::<f32>("data", &shape)?;
        unit_attributes(&rows.set, self.unit).map_err(|e| group.failed(&e))?;
        Ok((group, rows))
    }

    /// Makes a movie, as bytes when its pixels are.
    ///
    /// The schema has x before y: `[frame, width, height]`; `dimension` says so again.
    pub(super) fn movie(
        &self,
        inside: &Target,
        frames: usize,
        [height, width]: [usize; 2],
        bytes: bool,
    ) -> Result<MovieRows> {
        let group = self.begin(inside)?;
        let shape = [frames, width, height];
        let rows = if bytes { group.rows::<u8>("data", &shape) } else { group.rows::<f32>("data", &shape) }?;
        unit_attributes(&rows.set, self.unit).map_err(|e| group.failed(&e))?;
        group.array("dimension", ndarray::arr1(&[width as i32, height as i32]).view())?;
        group.text("format", "raw")?;
        Ok(MovieRows { rows, bytes })
    }
}

impl Rows {
    /// Writes values from the sample `at` on.
    ///
    /// # Shapes
    /// `[channel, time]`, as trials have them
    pub(super) fn write(&self, at: usize, values: ArrayView2<'_, f32>) -> Result<()> {
        let end = at + values.ncols();
        let turned: Array2<f32> = values.t().as_standard_layout().into_owned();
        let written = if self.set.ndim() == 1 {
            self.set.write_slice(turned.column(0).as_standard_layout().view(), s![at..end])
        } else {
            self.set.write_slice(turned.view(), s![at..end, ..])
        };
        written.map_err(|e| self.failed(&e))
    }
}

impl MovieRows {
    /// Writes frames from the frame `at` on.
    ///
    /// # Shapes
    /// `[frame, height, width]`
    pub(super) fn write(&self, at: usize, movie: ArrayView3<'_, f32>) -> Result<()> {
        let end = at + movie.dim().0;
        let turned: Array3<f32> = movie.permuted_axes([0, 2, 1]).as_standard_layout().into_owned();
        let written = if self.bytes {
            self.rows.set.write_slice(turned.mapv(|pixel| pixel as u8).view(), s![at..end, .., ..])
        } else {
            self.rows.set.write_slice(turned.view(), s![at..end, .., ..])
        };
        written.map_err(|e| self.rows.failed(&e))
    }
}

/// Says whether all pixels are whole numbers from 0 to 255: a byte then holds each exactly.
pub(super) fn are_bytes(movie: ArrayView3<'_, f32>) -> bool {
    movie.iter().all(|&pixel| (0.0..=255.0).contains(&pixel) && pixel.fract() == 0.0)
}
