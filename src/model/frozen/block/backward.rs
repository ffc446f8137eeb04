//! A gradient's way back through a block: to its input, never to a weight.

use rayon::prelude::*;

use super::shortcut::shortcut_rows;
use super::{Block, Expansion, tile_rows};
use crate::kernel::lane::{self, Lane};
use crate::kernel::lane_product::rows_to_lane;
use crate::kernel::plane::{self, Plane};
use crate::model::frozen::buffer::BlockBuffers;
use crate::model::frozen::expansion::Pixels;
use crate::model::frozen::squeeze_excite::Gate;
use crate::model::grid::Grid;

/// One lane of all that a gradient meets on its way back through the convolutions.
struct LaneBuffers<'a> {
    /// The gradient to what squeeze-excite scales; it is carried on in place.
    inner: &'a mut [Lane],
    /// What the convolution over time gave.
    temporal: &'a [Lane],
    /// What the convolution over space gave; of the first block, then the gradient to it.
    spatial: &'a mut [Lane],
    /// The expansion, then the gradient to it, and its shift. The first block keeps none.
    expanded: Option<(&'a mut [Lane], &'a Lane)>,
}

impl Block {
    /// Carries a gradient back through the projection, gate and convolutions. Then `buffers` hold the
    /// gradient to the expansion, or, in the first block, to what its convolution over space gave.
    ///
    /// # Shapes
    /// - `gradient`: `[out row, out]`
    pub fn convolve_back(
        &self,
        gradient: &[f32],
        gates: &[Gate],
        grid: Grid,
        buffers: &mut BlockBuffers,
        inner: &mut [Lane],
    ) {
        let rows = grid.strided(self.stride).rows();
        let (lanes, width) = (self.lanes(), self.out());
        let inner = &mut inner[..lanes * rows];
        let to_scales: Vec<Vec<Lane>> = inner
            .par_chunks_mut(rows)
            .zip(buffers.temporal.par_chunks(rows))
            .enumerate()
            .map(|(l, (inner, temporal))| {
                let weights = &self.project_back[l * width..(l + 1) * width];
                rows_to_lane(&gradient[..rows * width], weights, inner);
                let shares = inner.chunks(rows / gates.len()).zip(temporal.chunks(rows / gates.len()));
                shares.map(|(inner, temporal)| plane::dot_activated(inner, temporal)).collect()
            })
            .collect();
        let through = self.through_gates(gates, &to_scales, rows);

        let spatial = buffers.spatial[..lanes * rows].par_chunks_mut(rows);
        let each = inner.par_chunks_mut(rows).zip(buffers.temporal.par_chunks(rows)).zip(spatial);
        match &self.expansion {
            Expansion::Pixels(_) => each.enumerate().for_each(|(l, ((inner, temporal), spatial))| {
                self.lane_back(
                    grid,
                    l,
                    &through[l],
                    LaneBuffers { inner, temporal, spatial, expanded: None },
                );
            }),
            Expansion::Rows(rows_in) => {
                let expanded = buffers.expanded[..lanes * grid.rows()].par_chunks_mut(grid.rows());
                each.zip(expanded).enumerate().for_each(|(l, (((inner, temporal), spatial), expanded))| {
                    let expanded = Some((expanded, &rows_in.shift[l]));
                    self.lane_back(grid, l, &through[l], LaneBuffers { inner, temporal, spatial, expanded });
                });
            }
        }
    }

    /// Finds what each lane's gradient is multiplied by on its way through each gate, and what each of the `rows`
    /// values gets through the gate's mean.
    fn through_gates(&self, gates: &[Gate], to_scales: &[Vec<Lane>], rows: usize) -> Vec<Vec<[Lane; 2]>> {
        let mut through = vec![Vec::with_capacity(gates.len()); self.lanes()];
        let share = (gates.len() as f32) / rows as f32;
        for (index, gate) in gates.iter().enumerate() {
            let to_scale: Vec<Lane> = to_scales.iter().map(|by_gate| by_gate[index]).collect();
            let to_mean = self.squeeze_excite.backward(gate, lane::unpack(&to_scale, self.inner));
            let lanes = lanes_of(&gate.scale, 1.0).into_iter().zip(lanes_of(&to_mean, share));
            through.iter_mut().zip(lanes).for_each(|(out, (scale, offset))| out.push([scale, offset]));
        }
        through
    }

    /// One lane's way back from after the last SiLU to the expansion, or to `spatial` when there is none.
    fn lane_back(&self, grid: Grid, l: usize, through: &[[Lane; 2]], buffers: LaneBuffers) {
        let LaneBuffers { inner, temporal, spatial, mut expanded } = buffers;
        let plane = self.plane(grid);
        let reached = plane.strided(self.stride);
        let (frame, frame_out) = (plane.pixels(), reached.pixels());
        let flat = Plane { height: 1, width: frame_out, border: 0 };
        let (taps, _) = self.taps(&self.spatial, l);
        let flipped: Vec<Lane> = self.taps(&self.temporal, l).0.iter().rev().copied().collect();
        let half = flipped.len() / 2;
        let mut padded = vec![Lane::ZERO; reached.size()];
        let mut to_active = vec![Lane::ZERO; if expanded.is_some() { frame } else { frame_out }];
        for time in 0..grid.time + half {
            if time < grid.time {
                let frame = time * frame_out..(time + 1) * frame_out;
                let [scale, offset] = through[time.min(through.len() - 1)];
                plane::scale_back(&temporal[frame.clone()], &scale, &offset, &mut inner[frame]);
            }
            let Some(time) = time.checked_sub(half) else { continue };
            let first = time.saturating_sub(half);
            let frames: Vec<&[Lane]> =
                inner.chunks_exact(frame_out).take(time + half + 1).skip(first).collect();
            let mix = &flipped[first + half - time..];
            let spatial = &mut spatial[time * frame_out..(time + 1) * frame_out];
            match &mut expanded {
                Some((expanded, shift)) => {
                    plane::mix_back(&frames, mix, spatial, reached, &mut padded);
                    plane::convolve_back(&padded, plane, taps, self.stride, &mut to_active);
                    let expanded = &mut expanded[time * frame..(time + 1) * frame];
                    plane::activate_back(&to_active, shift, expanded);
                }
                None => {
                    plane::mix_back(&frames, mix, spatial, flat, &mut to_active);
                    spatial.copy_from_slice(&to_active);
                }
            }
        }
    }

    /// Carries the gradient to the expansion, which [`Block::convolve_back`] left, and the shortcut's back
    /// to the rows that went in.
    ///
    /// # Shapes
    /// - `gradient`: `[out row, out]`
    /// - `out`: `[in row, in]`
    pub fn rows_back(&self, gradient: &[f32], grid: Grid, expanded: &[Lane], out: &mut [f32]) {
        let Expansion::Rows(expansion) = &self.expansion else {
            unreachable!("the first block gets pixels");
        };
        let (rows, lanes, width) = (grid.rows(), self.lanes(), self.width);
        let tile = tile_rows(lanes);
        let out = &mut out[..rows * width];
        out.par_chunks_mut(tile * width).enumerate().for_each(|(index, out)| {
            expansion.back(&expanded[index * tile..], rows, out);
        });
        let reached = grid.strided(self.stride);
        let frame_out = reached.height * reached.width * self.out();
        let source = shortcut_rows(grid, reached);
        out.par_chunks_mut(grid.height * grid.width * width).zip(gradient.par_chunks(frame_out)).for_each(
            |(out, gradient)| {
                for (gradient, &source) in gradient.chunks_exact(self.out()).zip(&source) {
                    self.shortcut_back(gradient, &mut out[source * width..(source + 1) * width]);
                }
            },
        );
    }

    /// Carries the gradients that [`Block::convolve_back`] left in the first block, and the shortcut's,
    /// back to all channels of the input: `[time, pixel, channel]`.
    pub fn pixels_back(&self, gradient: &[f32], pixels: &Pixels, grid: Grid, spatial: &[Lane]) -> Vec<f32> {
        let Expansion::Pixels(expansion) = &self.expansion else {
            unreachable!("only the first block gets pixels");
        };
        let plane = self.plane(grid);
        let reached = plane.strided(self.stride);
        let (frame, frame_out) = (plane.pixels(), reached.pixels());
        let channels = expansion.channels();
        let source = shortcut_rows(grid, grid.strided(self.stride));
        let mut out = vec![0.0; grid.rows() * channels];
        let frames = out.par_chunks_mut(frame * channels).zip(gradient.par_chunks(frame_out * self.out()));
        frames.enumerate().for_each(|(time, (out, gradient))| {
            let mut to_active = vec![Lane::ZERO; frame];
            let mut part = vec![0.0; frame * channels];
            let mut padded = vec![Lane::ZERO; reached.size()];
            for l in 0..self.lanes() {
                let from = &spatial[(l * grid.time + time) * frame_out..][..frame_out];
                plane::copy_to_plane(from, reached, &mut padded);
                plane::convolve_back(
                    &padded,
                    plane,
                    self.taps(&self.spatial, l).0,
                    self.stride,
                    &mut to_active,
                );
                expansion.activate_back(pixels, time, l, &mut to_active, &mut part, out);
            }
            let mut stem = vec![0.0; self.width];
            for (gradient, &source) in gradient.chunks_exact(self.out()).zip(&source) {
                stem.fill(0.0);
                self.shortcut_back(gradient, &mut stem);
                expansion.stem_back(&stem, &mut out[source * channels..(source + 1) * channels]);
            }
        });
        out
    }
}

fn lanes_of(values: &[f32], times: f32) -> Vec<Lane> {
    lane::pack(values.len(), |channel| values[channel] * times)
}
