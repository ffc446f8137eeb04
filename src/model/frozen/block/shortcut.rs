//! The way around a block: nearest downsampling, channels repeated, its batch norm folded; there and back.

use rayon::prelude::*;

use super::{Block, Expansion};
use crate::kernel::shortcut;
use crate::model::frozen::encoding::Encoding;
use crate::model::frozen::expansion::Pixels;
use crate::model::grid::Grid;

impl Block {
    /// Adds the shortcut, all shifts, and the next block's encoding to projected rows.
    ///
    /// # Shapes
    /// - `source`: `[row, in]` of the grid that goes in; of the first block, only the rows that are sampled
    /// - `out`: `[out row, out]`
    pub fn add_shortcut(&self, source: &[f32], grid: Grid, next: Option<&Encoding>, out: &mut [f32]) {
        let (reached, width) = (grid.strided(self.stride), self.out());
        let sampled = matches!(self.expansion, Expansion::Pixels(_));
        let from = shortcut_rows(if sampled { reached } else { grid }, reached);
        let frame = if sampled { from.len() } else { grid.height * grid.width } * self.width;
        let frames = out[..reached.rows() * width].par_chunks_mut(from.len() * width);
        frames.zip(source.par_chunks(frame)).enumerate().for_each(|(time, (out, source))| {
            for (pixel, (out, &from)) in out.chunks_exact_mut(width).zip(&from).enumerate() {
                self.finish(&source[from * self.width..(from + 1) * self.width], out);
                let Some(encoding) = next else { continue };
                for (axis, position) in
                    [time, pixel / reached.width, pixel % reached.width].into_iter().enumerate()
                {
                    out.iter_mut().zip(encoding.at(axis, position)).for_each(|(o, e)| *o += e);
                }
            }
        });
    }

    /// Adds the shortcut and all shifts to one projected row.
    fn finish(&self, source: &[f32], out: &mut [f32]) {
        let pieces = out.chunks_mut(self.width).zip(self.shortcut_scale.chunks(self.width));
        for ((out, scale), shift) in pieces.zip(self.shift.chunks(self.width)) {
            for (((o, x), s), t) in out.iter_mut().zip(source).zip(scale).zip(shift) {
                *o += x * s + t;
            }
        }
    }

    /// Carries a gradient back to the shortcut's rows: adds to `[in]`.
    pub fn shortcut_back(&self, gradient: &[f32], out: &mut [f32]) {
        for (g, scale) in gradient.chunks(self.width).zip(self.shortcut_scale.chunks(self.width)) {
            for ((o, g), s) in out.iter_mut().zip(g).zip(scale) {
                *o += g * s;
            }
        }
    }

    /// Computes the shortcut's rows of the first block: the stem where the shortcut samples it.
    pub fn stem_rows(&self, pixels: &Pixels, grid: Grid, out: &mut [f32]) {
        let Expansion::Pixels(expansion) = &self.expansion else {
            unreachable!("only the first block gets pixels");
        };
        let reached = grid.strided(self.stride);
        let source = shortcut_rows(grid, reached);
        let frame = source.len() * self.width;
        out[..reached.rows() * self.width].par_chunks_mut(frame).enumerate().for_each(|(time, out)| {
            for (out, &source) in out.chunks_exact_mut(self.width).zip(&source) {
                expansion.stem_at(pixels, time, [source / grid.width, source % grid.width], out);
            }
        });
    }
}

/// Lists the pixel of a frame that each pixel of the shortcut comes from.
pub(super) fn shortcut_rows(grid: Grid, reached: Grid) -> Vec<usize> {
    let columns = shortcut::nearest(grid.width, reached.width);
    let rows = shortcut::nearest(grid.height, reached.height);
    rows.iter().flat_map(|y| columns.iter().map(move |x| y * grid.width + x)).collect()
}
