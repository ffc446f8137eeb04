//! The pixels of an ImageSeries: in which order they lie, what they mean, and how they are made smaller.

use std::str::FromStr;

use ndarray::{Array2, Array3, ArrayView2, Axis};

use super::object::{Field, Node};
use super::series::Scale;
use crate::error::Result;

/// Memory for the stored frames of one trial; longer ones are read frame by frame.
const MOST_BYTES: usize = 256 << 20;

/// Which axis of a stored frame comes first. The schema says x, then y; many files have it the other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameAxes {
    /// `[frame, x, y]`, as the schema says.
    WidthHeight,
    /// `[frame, y, x]`, as arrays of images lie in memory.
    HeightWidth,
}

impl FromStr for FrameAxes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "xy" => Ok(Self::WidthHeight),
            "yx" => Ok(Self::HeightWidth),
            _ => Err(format!("{text:?}; expected xy or yx")),
        }
    }
}

/// The frames of an ImageSeries or OpticalSeries that are in the file itself.
#[derive(Debug, Clone)]
pub(super) struct Pixels {
    data: Field,
    axes: FrameAxes,
    scale: Scale,
    /// Frames that are stored.
    pub(super) frames: usize,
    /// Height and width of a stored frame.
    stored: [usize; 2],
    /// Height and width of a frame as it is read.
    pub(super) size: [usize; 2],
}

impl Pixels {
    /// Opens the frames of a series; `axes` and `size` are what was asked for.
    pub(super) fn open(node: &Node, axes: Option<FrameAxes>, size: Option<[usize; 2]>) -> Result<Self> {
        let external = node.field("external_file");
        if let Some(files) = &external {
            let names = files.texts().unwrap_or_default().join(", ");
            return Err(node.problem(format!(
                "its frames are not in the NWB file but in {names}: v1reel needs the movies themselves; write them \
                 into the file as an ImageSeries with the frames as data"
            )));
        }
        let data = node.require("data")?;
        let shape = data.shape();
        let [frames, first, second] = *shape else {
            return Err(data.problem(format!("shape {shape:?}; expected frames of one value a pixel (grey)")));
        };
        if !data.is_numeric() || frames == 0 || first == 0 || second == 0 {
            return Err(data.problem(format!("shape {shape:?}: no frames, or none of numbers")));
        }
        let axes = axes.or_else(|| said_axes(node, [first, second])).unwrap_or(FrameAxes::WidthHeight);
        let stored = match axes {
            FrameAxes::WidthHeight => [second, first],
            FrameAxes::HeightWidth => [first, second],
        };
        let size = size.unwrap_or(stored);
        if size[0] > stored[0] || size[1] > stored[1] {
            return Err(data.problem(format!(
                "frames of {} x {} pixels (height x width) can't be made into the larger {} x {}",
                stored[0], stored[1], size[0], size[1]
            )));
        }
        Ok(Self { scale: Scale::read(&data)?, data, axes, frames, stored, size })
    }

    /// Reads a movie of which each frame is the mean of some that are stored.
    ///
    /// # Shapes
    /// `[frame, height, width]`, as many frames as `wanted` has lists
    pub(super) fn read(&self, wanted: &[&[usize]]) -> Result<Array3<f32>> {
        let [height, width] = self.size;
        let mut movie = Array3::zeros((wanted.len(), height, width));
        let used = || wanted.iter().copied().flatten().copied();
        let (Some(first), Some(last)) = (used().min(), used().max()) else { return Ok(movie) };
        // One read for all where that is not far too much: compressed frames often come many at a time.
        let bytes = (last + 1 - first).saturating_mul(4 * self.stored[0] * self.stored[1]);
        let block = if bytes <= MOST_BYTES { Some(self.data.frames(first, last + 1)?) } else { None };
        for (at, frames) in wanted.iter().enumerate() {
            // A frame that is held is made once.
            if at > 0 && wanted[at - 1] == *frames {
                let before = movie.index_axis(Axis(0), at - 1).to_owned();
                movie.index_axis_mut(Axis(0), at).assign(&before);
                continue;
            }
            let mut sum: Option<Array2<f64>> = None;
            for &frame in *frames {
                let stored = match &block {
                    Some(block) => block.index_axis(Axis(0), frame - first).mapv(f64::from),
                    None => self.data.frames(frame, frame + 1)?.index_axis_move(Axis(0), 0).mapv(f64::from),
                };
                sum = Some(sum.map_or_else(|| stored.clone(), |sum| sum + &stored));
            }
            if let Some(sum) = sum {
                let mean = self.finish(sum / frames.len() as f64);
                movie.index_axis_mut(Axis(0), at).assign(&mean);
            }
        }
        Ok(movie)
    }

    /// Turns a stored frame upright, makes it smaller and its values what they mean.
    fn finish(&self, frame: Array2<f64>) -> Array2<f32> {
        let upright = match self.axes {
            FrameAxes::WidthHeight => frame.reversed_axes(),
            FrameAxes::HeightWidth => frame,
        };
        let frame = if self.size == self.stored { upright } else { shrink(upright.view(), self.size) };
        frame.mapv(|value| self.scale.apply(value) as f32)
    }

    /// Says what the frames are and how they were understood.
    pub(super) fn note(&self) -> String {
        let ([height, width], [rows, columns]) = (self.stored, self.size);
        let order = match self.axes {
            FrameAxes::WidthHeight => "x first, as the schema has it; if that is wrong: --frame-axes yx",
            FrameAxes::HeightWidth => "y first",
        };
        let smaller = if self.size == self.stored {
            String::new()
        } else {
            format!(", averaged to {rows} x {columns}")
        };
        format!("frames of {height} x {width} pixels, height x width ({order}){smaller}")
    }
}

/// Tells the order from `dimension`, "number of pixels on x, y", where sizes differ.
fn said_axes(node: &Node, [first, second]: [usize; 2]) -> Option<FrameAxes> {
    let said = node.field("dimension")?.indices().ok()?;
    if first != second && said == [second, first] { Some(FrameAxes::HeightWidth) } else { None }
}

/// Averages the pixels under each pixel of a smaller frame, by area.
fn shrink(frame: ArrayView2<'_, f64>, [height, width]: [usize; 2]) -> Array2<f64> {
    let (rows, columns) = frame.dim();
    let (down, across) = (shares(rows, height), shares(columns, width));
    Array2::from_shape_fn((height, width), |(y, x)| {
        let row = |&(row, share): &(usize, f64)| {
            share * across[x].iter().map(|&(column, share)| share * frame[[row, column]]).sum::<f64>()
        };
        down[y].iter().map(row).sum()
    })
}

/// For each of `to` equal parts of `from` pixels, the pixels in it and their shares, which sum to 1.
fn shares(from: usize, to: usize) -> Vec<Vec<(usize, f64)>> {
    let step = from as f64 / to as f64;
    let part = |k: usize| {
        let (start, end) = (k as f64 * step, ((k + 1) as f64 * step).min(from as f64));
        let pixels = start.floor() as usize..(end.ceil() as usize).min(from);
        let share = move |pixel: usize| {
            let covered = (pixel as f64 + 1.0).min(end) - (pixel as f64).max(start);
            (pixel, covered / (end - start))
        };
        pixels.map(share).collect()
    };
    (0..to).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_averages_by_area_and_keeps_the_mean() {
        let frame = Array2::from_shape_fn((4, 6), |(y, x)| (y * 6 + x) as f64);
        let half = shrink(frame.view(), [2, 3]);
        assert_eq!(half[[0, 0]], (0.0 + 1.0 + 6.0 + 7.0) / 4.0);
        assert_eq!(half[[1, 2]], (16.0 + 17.0 + 22.0 + 23.0) / 4.0);
        for size in [[3, 4], [1, 1], [3, 5], [4, 6]] {
            let small = shrink(frame.view(), size);
            // Means of numbers below 24, in f64.
            assert!((small.mean().unwrap() - 11.5).abs() < 1e-12, "{size:?}");
        }
        assert_eq!(shrink(frame.view(), [4, 6]), frame);
    }
}
