//! One block of the frozen core: forward, and back to what went in.
//!
//! Depthwise convolutions keep channels apart, so a lane of 32 channels goes through expansion, SiLU, space,
//! SiLU and time of a whole clip on one thread, frame by frame, while its frames are in the level-2 cache.
//! Squeeze-excite needs the means of all of them; its scale then goes into the projection's weights.

use rayon::prelude::*;

use super::buffer::BlockBuffers;
use super::encoding::Encoding;
use super::expansion::{PixelExpansion, Pixels, RowExpansion};
use super::fold::{Source, lane_columns, lane_rows, lanes};
use super::squeeze_excite::{Gate, SqueezeExcite};
use crate::kernel::lane::{self, Lane, WIDTH};
use crate::kernel::lane_product::{lanes_to_rows, rows_to_lane};
use crate::kernel::plane::{self, Plane};
use crate::kernel::shortcut;
use crate::model::ModelConfig;
use crate::model::grid::Grid;

/// Bytes of expanded rows that a projection gathers at once: half a level-2 cache.
const TILE_BYTES: usize = 512 << 10;

/// How a block expands what it gets.
pub enum Expansion {
    /// The first block: from pixels.
    Pixels(PixelExpansion),
    /// From rows of channels.
    Rows(RowExpansion),
}

/// What a block gets.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    /// The first block: pixels.
    Pixels(&'a Pixels<'a>),
    /// `[time * pixel, channel]`
    Rows(&'a [f32]),
}

/// A block with its batch norms folded.
pub struct Block {
    /// Its first layer.
    pub expansion: Expansion,
    /// `[lane, tap]`, and `[lane]`.
    spatial: (Vec<Lane>, Vec<Lane>),
    /// `[lane, tap]`, and `[lane]`.
    temporal: (Vec<Lane>, Vec<Lane>),
    squeeze_excite: SqueezeExcite,
    /// `[lane of out, lane * 32]`
    project: Vec<Lane>,
    /// `[lane, out]`
    project_back: Vec<Lane>,
    /// Of the shortcut, by channel out.
    shortcut_scale: Vec<f32>,
    /// Of projection and shortcut together, by channel out.
    shift: Vec<f32>,
    /// Frequencies of the positional encoding before it.
    pub inv_freq: Vec<f32>,
    /// Channels in.
    pub width: usize,
    inner: usize,
    stride: usize,
    border: usize,
    causal: bool,
}

impl Block {
    /// Takes block `index` out of a checkpoint.
    pub fn new(source: &Source, config: &ModelConfig, index: usize) -> Self {
        let name = |part: &str| format!("core.blocks.{index}.{part}");
        let convolution = |part: &str| {
            let norm = source.norm(&name(&format!("{part}_norm")));
            let taps = source.scaled_rows(&name(&format!("{part}.weight")), &norm);
            let shift: Vec<f32> = norm.shift.iter().map(|&v| v as f32).collect();
            (lane_columns(&taps, shift.len()), lanes(&shift))
        };
        let (mut mix, mix_shift) = convolution("temporal");
        if config.causal {
            mix = with_empty_future(&mix, mix_shift.len());
        }
        let width = config.core_features[index];
        let inner = width * config.expansion_ratio;
        let project_norm = source.norm(&name("project_norm"));
        let shortcut_norm = source.norm(&name("shortcut_norm"));
        let rows = source.scaled_rows(&name("project.weight"), &project_norm);
        let out = project_norm.scale.len();
        // From `[out, inner]` to `[inner, out]`.
        let columns: Vec<f32> = (0..inner * out).map(|i| rows[i % out * inner + i / out]).collect();
        let shift = project_norm.shift.iter().zip(&shortcut_norm.shift).map(|(a, b)| (a + b) as f32);
        Self {
            expansion: match index {
                0 => Expansion::Pixels(PixelExpansion::new(source)),
                _ => Expansion::Rows(RowExpansion::new(source, &format!("core.blocks.{index}"))),
            },
            spatial: convolution("spatial"),
            temporal: (mix, mix_shift),
            squeeze_excite: SqueezeExcite::new(source, &name("squeeze_excite")),
            project: lane_rows(&columns, inner),
            project_back: lane_columns(&columns, inner),
            shift: shift.collect(),
            shortcut_scale: super::fold::rounded(&shortcut_norm.scale),
            inv_freq: source.values(&name("positional.inv_freq")).to_vec(),
            width,
            inner,
            stride: config.spatial_strides[index],
            border: config.spatial_kernel / 2,
            causal: config.causal,
        }
    }

    /// Gates of a clip of `time` frames: one for all, or, lest a frame learn of later ones, one each.
    fn gates(&self, time: usize) -> usize {
        if self.causal { time } else { 1 }
    }

    fn lanes(&self) -> usize {
        lane::count(self.inner)
    }

    /// Channels out.
    pub fn out(&self) -> usize {
        self.shift.len()
    }

    fn plane(&self, grid: Grid) -> Plane {
        Plane { height: grid.height, width: grid.width, border: self.border }
    }

    fn taps<'a>(&self, (taps, shift): &'a (Vec<Lane>, Vec<Lane>), l: usize) -> (&'a [Lane], &'a Lane) {
        let count = taps.len() / shift.len();
        (&taps[l * count..(l + 1) * count], &shift[l])
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
                self.lane_back(grid, l, &through[l], inner, temporal, spatial, None);
            }),
            Expansion::Rows(rows_in) => {
                let expanded = buffers.expanded[..lanes * grid.rows()].par_chunks_mut(grid.rows());
                each.zip(expanded).enumerate().for_each(|(l, (((inner, temporal), spatial), expanded))| {
                    self.lane_back(
                        grid,
                        l,
                        &through[l],
                        inner,
                        temporal,
                        spatial,
                        Some((expanded, &rows_in.shift[l])),
                    );
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
    #[allow(clippy::too_many_arguments)] // All are parts of one lane's state.
    fn lane_back(
        &self,
        grid: Grid,
        l: usize,
        through: &[[Lane; 2]],
        inner: &mut [Lane],
        temporal: &[Lane],
        spatial: &mut [Lane],
        mut expanded: Option<(&mut [Lane], &Lane)>,
    ) {
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
fn shortcut_rows(grid: Grid, reached: Grid) -> Vec<usize> {
    let columns = shortcut::nearest(grid.width, reached.width);
    let rows = shortcut::nearest(grid.height, reached.height);
    rows.iter().flat_map(|y| columns.iter().map(move |x| y * grid.width + x)).collect()
}

/// Ends kernels, `[lane, tap]`, in the middle: as many zeros follow as taps lie before the last, which then
/// meets the present.
fn with_empty_future(taps: &[Lane], lanes: usize) -> Vec<Lane> {
    let count = taps.len() / lanes;
    let future = std::iter::repeat_n(Lane::ZERO, count - 1);
    taps.chunks_exact(count).flat_map(|taps| taps.iter().copied().chain(future.clone())).collect()
}

fn tile_rows(lanes: usize) -> usize {
    (TILE_BYTES / (lanes * size_of::<Lane>()).max(1)).clamp(16, 512)
}

fn lanes_of(values: &[f32], times: f32) -> Vec<Lane> {
    lane::pack(values.len(), |channel| values[channel] * times)
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
