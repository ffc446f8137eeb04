//! The losses of an epoch: read back late, so that nobody waits for a step that is still being computed, and
//! watched for a training that runs away.

use burn::tensor::Tensor;

use crate::model::tensors;

/// Losses before this many tell nothing about what is usual.
const LEAST: usize = 50;
/// Steps that the usual loss is taken from.
const WINDOW: usize = 500;
/// A loss this many standard deviations above the usual one is far off. Losses of batches have long tails,
/// and a warning that comes in every epoch is not read.
const FAR: f64 = 8.0;

/// Losses of the running epoch's steps.
#[derive(Debug, Default)]
pub struct Losses {
    read: Vec<f32>,
    waiting: Vec<Tensor<1>>,
    warned: bool,
}

impl Losses {
    /// Goes on from the losses of an epoch's first steps.
    pub fn of(read: Vec<f32>) -> Self {
        Self { read, ..Self::default() }
    }

    /// Adds a step's loss, one value.
    pub fn push(&mut self, loss: Tensor<1>) {
        self.waiting.push(loss);
    }

    /// Reads back what waits and returns all.
    pub fn read(&mut self) -> &[f32] {
        self.read.extend(self.waiting.drain(..).map(|loss| tensors::values(loss)[0]));
        &self.read
    }

    /// Averages the last `count` losses, or all if there are fewer; reads back what waits.
    pub fn mean_of_last(&mut self, count: usize) -> f64 {
        let all = self.read();
        mean(&all[all.len().saturating_sub(count)..])
    }

    /// Compares the mean of the last `count` losses with those before; says so, once an epoch, when it is
    /// far above. Reads back what waits.
    pub fn warning(&mut self, count: usize) -> Option<String> {
        self.read();
        let all = &self.read;
        let (before, last) = all.split_at(all.len().saturating_sub(count));
        let before = &before[before.len().saturating_sub(WINDOW)..];
        if self.warned || before.len() < LEAST {
            return None;
        }
        let (usual, last) = (mean(before), mean(last));
        let variance = before.iter().map(|&loss| (f64::from(loss) - usual).powi(2)).sum::<f64>();
        let deviation = (variance / before.len() as f64).sqrt();
        // A loss that has all but come to rest deviates by its rounding alone.
        let far = last > usual + FAR * deviation.max(1e-3 * usual.abs());
        self.warned |= far;
        far.then(|| {
            format!("the loss is {last:.5}, far above the {usual:.5} of the {} steps before", before.len())
        })
    }
}

fn mean(losses: &[f32]) -> f64 {
    losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn push(losses: &mut Losses, values: impl IntoIterator<Item = f32>) {
        let device = Device::flex();
        values.into_iter().for_each(|value| losses.push(Tensor::from_floats([value], &device)));
    }

    #[test]
    fn means_go_on_over_what_was_read_before() {
        let mut losses = Losses::of(vec![1.0, 2.0]);
        push(&mut losses, [6.0]);
        assert_eq!(losses.mean_of_last(2), 4.0);
        assert_eq!(losses.mean_of_last(10), 3.0);
        assert_eq!(losses.read(), [1.0, 2.0, 6.0]);
    }

    #[test]
    fn a_loss_that_jumps_is_warned_of_once_and_one_that_falls_or_wavers_never() {
        let wavering = |k: usize| 5.0 + (k % 7) as f32 * 0.1;
        let mut losses = Losses::of((0..100).map(|k| 9.0 - 0.03 * k as f32).collect());
        for k in 0..200 {
            push(&mut losses, [wavering(k)]);
            assert_eq!(losses.warning(10), None);
        }
        let mut losses = Losses::of((0..200).map(wavering).collect());
        push(&mut losses, [9.0; 10]);
        let said = losses.warning(10).unwrap();
        assert!(said.contains("9.00000") && said.contains("of the 200 steps"), "{said}");
        push(&mut losses, [20.0; 10]);
        assert_eq!(losses.warning(10), None);
    }

    #[test]
    fn few_losses_or_constant_ones_are_no_reason_to_warn() {
        let mut losses = Losses::of(vec![1.0; 20]);
        push(&mut losses, [50.0; 10]);
        assert_eq!(losses.warning(10), None);
        let mut losses = Losses::of(vec![1.0; 100]);
        push(&mut losses, [1.000_001; 10]);
        assert_eq!(losses.warning(10), None);
    }
}
