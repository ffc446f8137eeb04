//! What all readouts share: channels of every clip, frame and place.

use burn::tensor::{Int, Tensor, TensorData};

use super::grid::Grid;

/// Features and the grid that they lie on: one place a frame once space is pooled.
#[derive(Debug, Clone)]
pub struct Features {
    /// `[grid rows, channel]`
    pub rows: Tensor<2>,
    /// The axes behind the rows.
    pub grid: Grid,
}

impl Features {
    /// Averages over the places of each frame.
    pub fn mean_over_space(self) -> Self {
        let Grid { batch, time, height, width } = self.grid;
        let [_, channels] = self.rows.dims();
        let pooled = self.rows.reshape([batch * time, height * width, channels]).mean_dim(1);
        let grid = Grid { height: 1, width: 1, ..self.grid };
        Self { rows: pooled.reshape([batch * time, channels]), grid }
    }

    /// Picks some clips of the batch, in their order.
    pub fn select(&self, clips: &[usize]) -> Self {
        let batch = self.grid.batch;
        // All of one mouse: nothing needs to be copied.
        if clips.iter().copied().eq(0..batch) {
            return self.clone();
        }
        let [rows, channels] = self.rows.dims();
        let index: Vec<i64> = clips.iter().map(|&clip| clip as i64).collect();
        let index = Tensor::<1, Int>::from_data(TensorData::new(index, [clips.len()]), &self.rows.device());
        let own = self.rows.clone().reshape([batch, rows / batch, channels]).select(0, index);
        Self {
            rows: own.reshape([clips.len() * (rows / batch), channels]),
            grid: Grid { batch: clips.len(), ..self.grid },
        }
    }
}
