//! The way around a block or a layer: nearest downsampling, channels repeated to the width out.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Picks the nearest source position for each output position, in f32 as PyTorch does.
///
/// For odd sizes this is not every second one: 9 to 5 gives 0, 1, 3, 5, 7.
pub fn nearest(input: usize, output: usize) -> Vec<usize> {
    let scale = input as f32 / output as f32;
    (0..output).map(|i| ((i as f32 * scale) as usize).min(input - 1)).collect()
}

/// Downsamples frames to `reached` height and width.
///
/// # Shapes
/// - `x`: `[frame, height, width, channel]`
/// - output: `[frame, reached height, reached width, channel]`
pub fn downsample(x: Tensor<4>, reached: [usize; 2]) -> Tensor<4> {
    let [_, height, width, _] = x.dims();
    if reached == [height, width] {
        return x;
    }
    let device = x.device();
    x.select(1, indices(height, reached[0], &device)).select(2, indices(width, reached[1], &device))
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
