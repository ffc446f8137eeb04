//! A block's way forward: expansion, both convolutions, the gate and the projection.

use rayon::prelude::*;

use super::{Block, Expansion, Input, tile_rows};
use crate::kernel::lane::{self, Lane, WIDTH};
use crate::kernel::lane_product::lanes_to_rows;
use crate::kernel::plane::{self, Plane};
use crate::model::frozen::buffer::BlockBuffers;
use crate::model::frozen::squeeze_excite::Gate;
use crate::model::grid::Grid;

impl Block {
    /// Expands and convolves a clip, and finds its gates. `buffers` without room for the expansion or for what
    /// follows space get along with one frame of them.
    pub fn convolve(&self, input: Input, grid: Grid, buffers: &mut BlockBuffers) -> Vec<Gate> {
        let reached = grid.strided(self.stride);
        let lanes = self.lanes();
        let temporal = &mut buffers.temporal[..lanes * reached.rows()];
        let temporal = temporal.par_chunks_mut(reached.rows());
        let sums: Vec<Vec<Lane>> = match (&self.expansion, buffers.spatial.len()) {
            (_, 0) => temporal
                .enumerate()
                .map(|(l, temporal)| self.convolve_lane(input, grid, l, [&mut [], &mut []], temporal))
                .collect(),
            (Expansion::Pixels(_), _) => buffers.spatial[..lanes * reached.rows()]
                .par_chunks_mut(reached.rows())
                .zip(temporal)
                .enumerate()
                .map(|(l, (spatial, temporal))| {
                    self.convolve_lane(input, grid, l, [&mut [], spatial], temporal)
                })
                .collect(),
            (Expansion::Rows(_), _) => buffers.expanded[..lanes * grid.rows()]
                .par_chunks_mut(grid.rows())
                .zip(buffers.spatial[..lanes * reached.rows()].par_chunks_mut(reached.rows()))
                .zip(temporal)
                .enumerate()
                .map(|(l, ((expanded, spatial), temporal))| {
                    self.convolve_lane(input, grid, l, [expanded, spatial], temporal)
                })
                .collect(),
        };
        let gates = self.gates(grid.time);
        let count = (reached.rows() / gates) as f32;
        let gate = |gate: usize| {
            let sums: Vec<Lane> = sums.iter().map(|sums| sums[gate]).collect();
            let means: Vec<f32> = lane::unpack(&sums, self.inner).iter().map(|sum| sum / count).collect();
            self.squeeze_excite.forward(&means)
        };
        (0..gates).map(gate).collect()
    }

    /// One lane's way through expansion and both convolutions; returns the sums after the last SiLU, one for
    /// each gate.
    fn convolve_lane(
        &self,
        input: Input,
        grid: Grid,
        l: usize,
        [expanded, spatial]: [&mut [Lane]; 2],
        temporal: &mut [Lane],
    ) -> Vec<Lane> {
        let plane = self.plane(grid);
        let reached = plane.strided(self.stride);
        let (frame, frame_out) = (plane.pixels(), reached.pixels());
        let flat = Plane { height: 1, width: frame_out, border: 0 };
        let (taps, shift) = self.taps(&self.spatial, l);
        let (mix, mix_shift) = self.taps(&self.temporal, l);
        let mut scratch = (vec![Lane::ZERO; frame], vec![Lane::ZERO; frame_out]);
        let mut padded = vec![Lane::ZERO; plane.size()];
        let mut ring = Ring::new(mix.len(), frame_out);
        let mut sums = vec![Lane::ZERO; self.gates(grid.time)];
        for time in 0..grid.time + ring.half() {
            if time < grid.time {
                let expanded = at(expanded, &mut scratch.0, time);
                self.expand(input, l, time, plane, expanded, &mut padded);
                let spatial = at(spatial, &mut scratch.1, time);
                plane::convolve(&padded, plane, taps, shift, self.stride, spatial);
                plane::activate(spatial, &Lane::ZERO, flat, ring.frame_mut(time));
            }
            let Some(time) = time.checked_sub(ring.half()) else { continue };
            let (frames, first) = ring.around(time, grid.time);
            let out = &mut temporal[time * frame_out..(time + 1) * frame_out];
            let gate = time.min(sums.len() - 1);
            plane::mix(&frames, &mix[first..], mix_shift, out, &mut sums[gate]);
        }
        sums
    }

    /// Expands one lane of a frame, writes its SiLU into a plane, and, from rows, keeps it in `expanded`.
    fn expand(
        &self,
        input: Input,
        l: usize,
        time: usize,
        plane: Plane,
        expanded: &mut [Lane],
        out: &mut [Lane],
    ) {
        match (&self.expansion, input) {
            (Expansion::Rows(rows), Input::Rows(x)) => {
                let frame = plane.pixels() * self.width;
                rows.frame(&x[time * frame..(time + 1) * frame], l, expanded);
                plane::activate(expanded, &rows.shift[l], plane, out);
            }
            (Expansion::Pixels(expansion), Input::Pixels(pixels)) => {
                expansion.activate(pixels, time, l, plane, out);
            }
            _ => unreachable!("the first block, and no other, gets pixels"),
        }
    }

    /// Projects what the convolutions left to rows, `[out row, out]`.
    pub fn project(&self, temporal: &[Lane], gates: &[Gate], grid: Grid, out: &mut [f32]) {
        let (rows, lanes, width) = (grid.strided(self.stride).rows(), self.lanes(), self.out());
        let (share, tile) = (rows / gates.len(), tile_rows(lanes));
        let shares = out[..rows * width].par_chunks_mut(share * width).zip(gates).enumerate();
        shares.for_each(|(number, (out, gate))| {
            let weights = self.gated_weights(gate);
            out.par_chunks_mut(tile * width).enumerate().for_each(|(index, out)| {
                let (first, count) = (number * share + index * tile, out.len() / width);
                let mut active = vec![Lane::ZERO; lanes * count];
                for (l, active) in active.chunks_exact_mut(count).enumerate() {
                    plane::activated(&temporal[l * rows + first..][..count], active);
                }
                lanes_to_rows(&active, count, &weights, out, width);
            });
        });
    }

    /// The projection's weights times a gate's scales: no pass over the activations is needed for these.
    fn gated_weights(&self, gate: &Gate) -> Vec<Lane> {
        let mut weights = self.project.clone();
        for lane_of_out in weights.chunks_exact_mut(self.lanes() * WIDTH) {
            for (row, scale) in lane_of_out.iter_mut().zip(&gate.scale) {
                *row = row.map(|w| w * scale);
            }
        }
        weights
    }
}

/// A frame of a kept clip, or the scratch frame when nothing is kept.
fn at<'a>(kept: &'a mut [Lane], scratch: &'a mut [Lane], time: usize) -> &'a mut [Lane] {
    let frame = scratch.len();
    if kept.is_empty() { scratch } else { &mut kept[time * frame..(time + 1) * frame] }
}

/// The last frames that a convolution over time needs.
struct Ring {
    frames: Vec<Vec<Lane>>,
}

impl Ring {
    fn new(length: usize, frame: usize) -> Self {
        Self { frames: vec![vec![Lane::ZERO; frame]; length] }
    }

    fn half(&self) -> usize {
        self.frames.len() / 2
    }

    fn frame_mut(&mut self, time: usize) -> &mut [Lane] {
        let slot = time % self.frames.len();
        &mut self.frames[slot]
    }

    /// The frames around `time` that a clip of `length` frames has, and the tap of the first of them.
    fn around(&self, time: usize, length: usize) -> (Vec<&[Lane]>, usize) {
        let half = self.half();
        let first = time.saturating_sub(half);
        let frames = (first..(time + half + 1).min(length)).map(|t| &self.frames[t % self.frames.len()][..]);
        (frames.collect(), first + half - time)
    }
}
