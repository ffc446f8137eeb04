//! The way around a block: nearest downsampling, channels repeated to the width out, batch norm.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::grid::Grid;

/// Picks the nearest source position for each output position, in f32 as PyTorch does.
///
/// For odd sizes this is not every second one: 9 to 5 gives 0, 1, 3, 5, 7.
pub fn nearest(input: usize, output: usize) -> Vec<usize> {
    let scale = input as f32 / output as f32;
    (0..output).map(|i| ((i as f32 * scale) as usize).min(input - 1)).collect()
}

/// Downsamples height and width to those of `out`.
///
/// # Shapes
/// - `x`: `[grid rows, channel]`
/// - output: `[out rows, channel]`
pub fn downsample(x: Tensor<2>, grid: Grid, out: Grid) -> Tensor<2> {
    if grid == out {
        return x;
    }
    let [_, channels] = x.dims();
    let device = x.device();
    let frames = grid.batch * grid.time;
    x.reshape([frames, grid.height, grid.width, channels])
        .select(1, indices(grid.height, out.height, &device))
        .select(2, indices(grid.width, out.width, &device))
        .reshape([out.rows(), channels])
}

fn indices(input: usize, output: usize, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = nearest(input, output).into_iter().map(|i| i as i64).collect();
    Tensor::from_data(TensorData::new(values, [output]), device)
}

/// Repeats channels to `width`: output channel k is input channel k mod c.
///
/// # Shapes
/// - `x`: `[row, channel]`
/// - output: `[row, width]`
pub fn tile(x: Tensor<2>, width: usize) -> Tensor<2> {
    let [rows, channels] = x.dims();
    if channels == width {
        return x;
    }
    let copies = vec![x; width.div_ceil(channels)];
    Tensor::cat(copies, 1).slice([0..rows, 0..width])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_positions_of_odd_sizes_follow_the_ratio() {
        assert_eq!(nearest(9, 5), [0, 1, 3, 5, 7]);
        assert_eq!(nearest(8, 4), [0, 2, 4, 6]);
        assert_eq!(nearest(1, 1), [0]);
    }
}
