//! The expansion of a block, from rows of channels, or, in the first block, from pixels.
//!
//! Stem, batch norm, positional encoding and the first block's expansion are affine in a row, so they
//! collapse into one slope for each channel of the input and sums of small tables. The behavioral channels
//! are constant over pixels: they shift a frame.

use super::encoding::Encoding;
use super::fold::{Norm, Source, lane_columns, lane_rows, lanes, rounded};
use crate::kernel::lane::{self, Lane, WIDTH};
use crate::kernel::lane_product::{lanes_to_rows, rows_to_lane};
use crate::kernel::plane::{self, Plane, Spread};
use crate::model::grid::Grid;

/// Expands rows of channels.
pub struct RowExpansion {
    /// `[lane, in]`
    forward: Vec<Lane>,
    /// `[lane of in, lane * 32]`
    backward: Vec<Lane>,
    /// `[lane]`
    pub shift: Vec<Lane>,
    width: usize,
}

impl RowExpansion {
    /// Takes block `name`'s expansion out of a checkpoint.
    pub fn new(source: &Source, name: &str) -> Self {
        let norm = source.norm(&format!("{name}.expand_norm"));
        let rows = source.scaled_rows(&format!("{name}.expand.weight"), &norm);
        let channels = norm.scale.len();
        let width = rows.len() / channels;
        Self {
            forward: lane_columns(&rows, channels),
            backward: lane_rows(&rows, channels),
            shift: lanes(&rounded(&norm.shift)),
            width,
        }
    }

    /// Expands one lane of a frame's rows; the shift is left to whoever reads it.
    pub fn frame(&self, rows: &[f32], l: usize, out: &mut [Lane]) {
        rows_to_lane(rows, &self.forward[l * self.width..(l + 1) * self.width], out);
    }

    /// Carries gradients to the expansion back to rows: lanes that lie `stride` apart to `[row, in]`.
    pub fn back(&self, gradient: &[Lane], stride: usize, out: &mut [f32]) {
        lanes_to_rows(gradient, stride, &self.backward, out, self.width);
    }
}

/// Stem and first expansion, collapsed.
pub struct PixelExpansion {
    /// `[channel of the input, lane]`
    slopes: Vec<Lane>,
    /// `[lane]`
    shift: Vec<f32>,
    /// Folded expansion, `[inner, stem]`.
    expand: Vec<f64>,
    /// Folded stem, `[stem, channel of the input]`.
    stem: Vec<f32>,
    stem_shift: Vec<f32>,
    inv_freq: Vec<f32>,
    inner: usize,
}

/// The tables of a collapsed expansion for one size of frame.
pub struct PixelTables {
    /// By axis `[position, lane]`; the shift is in the first.
    axes: [Vec<Lane>; 3],
    encoding: Encoding,
}

/// One clip's pixels, and what each frame adds to them.
pub struct Pixels<'a> {
    /// `[time, height, width]`
    pub movie: &'a [f32],
    /// `[channel, time]`, the channels after the movie.
    behavior: &'a [f32],
    grid: Grid,
    tables: &'a PixelTables,
}

impl<'a> Pixels<'a> {
    /// Puts a clip's parts together.
    pub fn new(movie: &'a [f32], behavior: &'a [f32], grid: Grid, tables: &'a PixelTables) -> Self {
        Self { movie, behavior, grid, tables }
    }

    /// All channels of the input at a pixel.
    fn at(&self, time: usize, pixel: usize) -> impl Iterator<Item = f32> {
        let movie = self.movie[time * self.grid.height * self.grid.width + pixel];
        std::iter::once(movie).chain(self.behavior.iter().skip(time).step_by(self.grid.time).copied())
    }
}

impl PixelExpansion {
    /// Takes stem and first expansion out of a checkpoint.
    pub fn new(source: &Source) -> Self {
        let norm = source.norm("core.stem.norm");
        let stem = source.scaled_rows("core.stem.conv.weight", &norm);
        let width = norm.scale.len();
        let channels = stem.len() / width;
        let Norm { scale, shift: own } = source.norm("core.blocks.0.expand_norm");
        let inner = scale.len();
        let weights = source.values("core.blocks.0.expand.weight").iter();
        let expand: Vec<f64> = weights.enumerate().map(|(i, &w)| f64::from(w) * scale[i / width]).collect();
        let through = |k: usize, values: &dyn Fn(usize) -> f64| {
            (0..width).map(|c| expand[k * width + c] * values(c)).sum::<f64>()
        };
        let slopes = (0..channels)
            .flat_map(|i| {
                let stem = |c: usize| f64::from(stem[c * channels + i]);
                lane::pack(inner, |k| through(k, &stem) as f32)
            })
            .collect();
        let shift = (0..inner).map(|k| (through(k, &|c| norm.shift[c]) + own[k]) as f32).collect();
        Self {
            slopes,
            shift,
            stem_shift: rounded(&norm.shift),
            inv_freq: source.values("core.blocks.0.positional.inv_freq").to_vec(),
            expand,
            stem,
            inner,
        }
    }

    /// Channels of the stem.
    fn width(&self) -> usize {
        self.stem_shift.len()
    }

    /// Channels of the input.
    pub fn channels(&self) -> usize {
        self.stem.len() / self.width()
    }

    /// Computes what positions add, for one size of frame.
    pub fn tables(&self, grid: Grid) -> PixelTables {
        let width = self.width();
        let encoding = Encoding::new(&self.inv_freq, width, grid);
        let axis = |axis: usize, length: usize| {
            let value = |position: usize, k: usize| {
                let row = &self.expand[k * width..(k + 1) * width];
                let encoded = encoding.at(axis, position).iter();
                let sum: f64 = row.iter().zip(encoded).map(|(w, &e)| w * f64::from(e)).sum();
                sum as f32 + if axis == 0 { self.shift[k] } else { 0.0 }
            };
            (0..length).flat_map(|position| lane::pack(self.inner, |k| value(position, k))).collect()
        };
        PixelTables { axes: [axis(0, grid.time), axis(1, grid.height), axis(2, grid.width)], encoding }
    }

    /// Expands one lane of a frame and writes its SiLU into a plane.
    pub fn activate(&self, pixels: &Pixels, time: usize, l: usize, plane: Plane, out: &mut [Lane]) {
        self.spread(pixels, time, l, |spread, _| plane::activate_spread(spread, plane, out));
    }

    /// Carries the gradient to one lane of [`PixelExpansion::activate`] back to the input: adds to
    /// `[pixel, channel]`, by way of `part` of that size.
    pub fn activate_back(
        &self,
        pixels: &Pixels,
        time: usize,
        l: usize,
        gradient: &mut [Lane],
        part: &mut [f32],
        out: &mut [f32],
    ) {
        let channels = self.channels();
        self.spread(pixels, time, l, |spread, slopes| {
            plane::activate_spread_back(spread, gradient);
            let rows: Vec<f32> = slopes.iter().flat_map(|slope| slope.0).collect();
            // `[channel of the input, 32]` to lanes of the input's channels, by channel of the lane.
            let columns: Vec<f32> =
                (0..rows.len()).map(|i| rows[i % channels * WIDTH + i / channels]).collect();
            lanes_to_rows(gradient, gradient.len(), &lane_rows(&columns, WIDTH), part, channels);
        });
        out.iter_mut().zip(part).for_each(|(o, p)| *o += *p);
    }

    /// Gathers what one lane of a frame is computed from, and its slopes by channel of the input.
    fn spread(&self, pixels: &Pixels, time: usize, l: usize, then: impl FnOnce(Spread, &[Lane])) {
        let lanes = lane::count(self.inner);
        let of_lane = |table: &[Lane]| table.iter().skip(l).step_by(lanes).copied().collect::<Vec<Lane>>();
        let slopes = of_lane(&self.slopes);
        let [times, heights, widths] = &pixels.tables.axes;
        let mut base = times[time * lanes + l];
        for (slope, value) in slopes.iter().zip(pixels.at(time, 0)).skip(1) {
            base = base.zip(*slope, |b, s| b + s * value);
        }
        let mut rows = of_lane(heights);
        rows.iter_mut().for_each(|row| *row = row.zip(base, |r, b| r + b));
        let count = pixels.grid.height * pixels.grid.width;
        let frame = &pixels.movie[time * count..(time + 1) * count];
        then(Spread { frame, slope: &slopes[0], rows: &rows, columns: &of_lane(widths) }, &slopes);
    }

    /// Computes the stem with its encoding at one pixel.
    pub fn stem_at(&self, pixels: &Pixels, time: usize, [y, x]: [usize; 2], out: &mut [f32]) {
        let encoding = &pixels.tables.encoding;
        let pixel = y * pixels.grid.width + x;
        let encoded = encoding.at(0, time).iter().zip(encoding.at(1, y)).zip(encoding.at(2, x));
        let weights = self.stem.chunks_exact(self.channels());
        for (((out, ((t, y), x)), shift), row) in
            out.iter_mut().zip(encoded).zip(&self.stem_shift).zip(weights)
        {
            let through: f32 = row.iter().zip(pixels.at(time, pixel)).map(|(w, v)| w * v).sum();
            *out = through + shift + t + y + x;
        }
    }

    /// Carries a gradient to the stem at one pixel back to the input's channels there.
    pub fn stem_back(&self, gradient: &[f32], out: &mut [f32]) {
        for (g, row) in gradient.iter().zip(self.stem.chunks_exact(self.channels())) {
            for (out, w) in out.iter_mut().zip(row) {
                *out += g * w;
            }
        }
    }
}
