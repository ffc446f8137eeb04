//! One clip's way through the frozen core and back.

use super::block::{Block, Expansion, Input};
use super::buffer::Workspace;
use super::encoding::Encoding;
use super::expansion::{PixelTables, Pixels};
use super::fold::Source;
use super::plan::{Activations, Plan};
use super::squeeze_excite::Gate;
use crate::model::encoder::Clip;
use crate::model::grid::Grid;
use crate::model::{ModelConfig, ReadoutKind};

/// Stem and blocks with their batch norms folded.
pub struct Core {
    blocks: Vec<Block>,
    /// Whether what comes out is the mean over space.
    pooled: bool,
}

/// What depends on the size of a clip and not on its contents.
pub struct Tables {
    pixels: PixelTables,
    /// Of each block but the first.
    encodings: Vec<Encoding>,
}

/// A clip between its way through the core and back.
pub struct Trace {
    /// Its activations.
    pub workspace: Workspace,
    /// Of each block.
    gates: Vec<Vec<Gate>>,
}

impl Core {
    /// Takes the core out of a checkpoint.
    pub fn new(source: &Source, config: &ModelConfig) -> Self {
        Self {
            blocks: (0..config.core_features.len()).map(|i| Block::new(source, config, i)).collect(),
            pooled: config.readout == ReadoutKind::Pooled,
        }
    }

    /// Computes the tables for clips of a plan.
    pub fn tables(&self, plan: &Plan) -> Tables {
        let Expansion::Pixels(expansion) = &self.blocks[0].expansion else {
            unreachable!("the first block gets pixels");
        };
        let rest = self.blocks.iter().zip(&plan.grids).skip(1);
        Tables {
            pixels: expansion.tables(plan.grids[0]),
            encodings: rest.map(|(block, &grid)| Encoding::new(&block.inv_freq, block.width, grid)).collect(),
        }
    }

    /// The axes of the features of `clips` clips.
    pub fn reached(&self, plan: &Plan, clips: usize) -> Grid {
        let Grid { time, height, width, .. } = plan.grids[self.blocks.len()];
        let [height, width] = if self.pooled { [1, 1] } else { [height, width] };
        Grid { batch: clips, time, height, width }
    }

    /// Runs a clip; returns its features, `[row, channel]` of [`Core::reached`].
    pub fn forward(
        &self,
        clip: &Clip,
        plan: &Plan,
        tables: &Tables,
        mut workspace: Workspace,
    ) -> (Vec<f32>, Trace) {
        let pixels = Pixels::new(clip.movie(), clip.behavior(), plan.grids[0], &tables.pixels);
        let mut gates = Vec::with_capacity(self.blocks.len());
        for index in 0..self.blocks.len() {
            gates.push(self.block_forward(index, &pixels, plan, tables, &mut workspace));
        }
        let rows = floats(&workspace.rows[plan.rows(self.blocks.len())]);
        let grid = plan.grids[self.blocks.len()];
        let features = if self.pooled {
            pool(rows, grid.time, grid.height * grid.width, self.width())
        } else {
            rows[..grid.rows() * self.width()].to_vec()
        };
        (features, Trace { workspace, gates })
    }

    /// Channels that come out.
    fn width(&self) -> usize {
        self.blocks[self.blocks.len() - 1].out()
    }

    fn block_forward(
        &self,
        index: usize,
        pixels: &Pixels,
        plan: &Plan,
        tables: &Tables,
        workspace: &mut Workspace,
    ) -> Vec<Gate> {
        let (block, grid) = (&self.blocks[index], plan.grids[index]);
        let [source, out] = workspace
            .rows
            .get_disjoint_mut([plan.rows(index), plan.rows(index + 1)])
            .expect("a block's rows in and out are different buffers");
        let (source, out) = (bytemuck::cast_slice_mut::<_, f32>(source), bytemuck::cast_slice_mut(out));
        let buffers = &mut workspace.blocks[plan.block(index)];
        let next = tables.encodings.get(index);
        let input = if index == 0 { Input::Pixels(pixels) } else { Input::Rows(source) };
        let gates = block.convolve(input, grid, buffers);
        if index == 0 {
            block.stem_rows(pixels, grid, source);
        }
        block.project(&buffers.temporal, &gates, grid, out);
        block.add_shortcut(source, grid, next, out);
        gates
    }

    /// Carries a gradient to the features back to all channels of the clip: `[time, pixel, channel]`.
    pub fn backward(
        &self,
        clip: &Clip,
        gradient: &[f32],
        plan: &Plan,
        tables: &Tables,
        mut trace: Trace,
    ) -> (Vec<f32>, Workspace) {
        let pixels = Pixels::new(clip.movie(), clip.behavior(), plan.grids[0], &tables.pixels);
        let last = plan.grids[self.blocks.len()];
        let [mut current, mut next] = std::mem::take(&mut trace.workspace.gradients);
        let to_rows = &mut floats_mut(&mut current)[..last.rows() * self.width()];
        if self.pooled {
            pool_back(gradient, last.height * last.width, self.width(), to_rows);
        } else {
            to_rows.copy_from_slice(gradient);
        }
        for index in (1..self.blocks.len()).rev() {
            self.reopen(index, &pixels, plan, &mut trace);
            let (block, grid) = (&self.blocks[index], plan.grids[index]);
            let buffers = &mut trace.workspace.blocks[plan.block(index)];
            let inner = &mut trace.workspace.inner;
            let gradient = &floats(&current)[..plan.grids[index + 1].rows() * block.out()];
            block.convolve_back(gradient, &trace.gates[index], grid, buffers, inner);
            block.rows_back(gradient, grid, &buffers.expanded, floats_mut(&mut next));
            std::mem::swap(&mut current, &mut next);
        }
        self.reopen(0, &pixels, plan, &mut trace);
        let (block, grid) = (&self.blocks[0], plan.grids[0]);
        let buffers = &mut trace.workspace.blocks[plan.block(0)];
        let gradient = &floats(&current)[..plan.grids[1].rows() * block.out()];
        block.convolve_back(gradient, &trace.gates[0], grid, buffers, &mut trace.workspace.inner);
        let to_input = block.pixels_back(gradient, &pixels, grid, &buffers.spatial);
        trace.workspace.gradients = [current, next];
        (to_input, trace.workspace)
    }

    /// Computes a block's activations again, if they were not kept.
    fn reopen(&self, index: usize, pixels: &Pixels, plan: &Plan, trace: &mut Trace) {
        // The last block's are still there from the way in.
        if plan.activations == Activations::Recomputed && index + 1 < self.blocks.len() {
            let Workspace { rows, blocks, .. } = &mut trace.workspace;
            let input = match index {
                0 => Input::Pixels(pixels),
                _ => Input::Rows(floats(&rows[index])),
            };
            self.blocks[index].convolve(input, plan.grids[index], &mut blocks[0]);
        }
    }
}

fn floats(lanes: &[crate::kernel::lane::Lane]) -> &[f32] {
    bytemuck::cast_slice(lanes)
}

fn floats_mut(lanes: &mut [crate::kernel::lane::Lane]) -> &mut [f32] {
    bytemuck::cast_slice_mut(lanes)
}

/// Averages `[time, pixel, channel]` over pixels.
fn pool(rows: &[f32], time: usize, pixels: usize, width: usize) -> Vec<f32> {
    let frames = rows[..time * pixels * width].chunks_exact(pixels * width);
    let mut out = vec![0.0; time * width];
    for (out, frame) in out.chunks_exact_mut(width).zip(frames) {
        for row in frame.chunks_exact(width) {
            out.iter_mut().zip(row).for_each(|(o, v)| *o += v);
        }
        out.iter_mut().for_each(|o| *o /= pixels as f32);
    }
    out
}

/// Carries a gradient to the averages back to `[time, pixel, channel]`.
fn pool_back(gradient: &[f32], pixels: usize, width: usize, out: &mut [f32]) {
    for (frame, gradient) in out.chunks_exact_mut(pixels * width).zip(gradient.chunks_exact(width)) {
        for row in frame.chunks_exact_mut(width) {
            row.iter_mut().zip(gradient).for_each(|(o, g)| *o = g / pixels as f32);
        }
    }
}
