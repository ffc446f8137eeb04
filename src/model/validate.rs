//! Checks that the sizes of an encoder fit together, before anything is allocated from them: they
//! come from experiment files and from checkpoints, neither of which can be trusted.

use std::ops::RangeInclusive;

use super::layout;
use super::{ModelConfig, ReadoutKind};
use crate::error::{Error, Result};

// Limits far above any encoder one could train (DwiseNeuro: 9 blocks, width 4096, 25 M numbers), low
// enough that no product of sizes overflows 64 bits.

/// Most channels in or out of a layer.
const MAX_WIDTH: usize = 1 << 16;
/// Most blocks, and most cortex layers.
const MAX_LAYERS: usize = 256;
/// Most mice.
const MAX_MICE: usize = 4096;
/// Most neurons of a mouse.
const MAX_NEURONS: usize = 1 << 24;
/// Longest side of a kernel, largest stride.
const MAX_KERNEL: usize = 63;
/// Largest ratio of widths.
const MAX_RATIO: usize = 1 << 10;
/// Most numbers in an encoder: 8 GiB of f32.
const MAX_NUMBERS: usize = 1 << 31;

impl ModelConfig {
    /// Checks that lengths agree, sizes are sane, groups divide widths and rates are rates.
    ///
    /// # Errors
    /// [`Error::Usage`] that names the field, what it holds and what it may hold.
    pub fn validate(&self) -> Result<()> {
        self.problem().map_or(Ok(()), |problem| Err(Error::usage(format!("model: {problem}"))))
    }

    /// Finds the first thing that is wrong.
    fn problem(&self) -> Option<String> {
        self.size_problem()
            .or_else(|| self.length_problem())
            .or_else(|| self.divisor_problem())
            .or_else(|| self.number_problem())
            .or_else(|| {
                // Last: the layout may only be asked once the sizes are known to be sane.
                let numbers = layout::count_numbers(self);
                (numbers > MAX_NUMBERS)
                    .then(|| format!("the encoder would hold {numbers} numbers, more than {MAX_NUMBERS}"))
            })
    }

    fn size_problem(&self) -> Option<String> {
        each("readout_outputs", &self.readout_outputs, MAX_MICE, 1..=MAX_NEURONS)
            .or_else(|| each("core_features", &self.core_features, MAX_LAYERS, 1..=MAX_WIDTH))
            .or_else(|| each("spatial_strides", &self.spatial_strides, MAX_LAYERS, 1..=MAX_KERNEL))
            .or_else(|| {
                // Only the pooled readout needs a cortex before it.
                let none = self.cortex_features.is_empty() && self.readout == ReadoutKind::Gaussian;
                let problem = || each("cortex_features", &self.cortex_features, MAX_LAYERS, 1..=MAX_WIDTH);
                if none { None } else { problem() }
            })
            .or_else(|| within("in_channels", self.in_channels, 1..=MAX_WIDTH))
            .or_else(|| within("spatial_kernel", self.spatial_kernel, 1..=MAX_KERNEL))
            .or_else(|| within("temporal_kernel", self.temporal_kernel, 1..=MAX_KERNEL))
            .or_else(|| within("expansion_ratio", self.expansion_ratio, 1..=MAX_RATIO))
            .or_else(|| within("se_reduce_ratio", self.se_reduce_ratio, 1..=MAX_RATIO))
            .or_else(|| within("groups", self.groups, 1..=MAX_WIDTH))
    }

    fn length_problem(&self) -> Option<String> {
        let (blocks, strides) = (self.core_features.len(), self.spatial_strides.len());
        (blocks != strides).then(|| {
            format!("core_features has {blocks} entries and spatial_strides {strides}; one each a block")
        })
    }

    fn divisor_problem(&self) -> Option<String> {
        for (name, kernel) in
            [("spatial_kernel", self.spatial_kernel), ("temporal_kernel", self.temporal_kernel)]
        {
            // An even kernel has no centre, so its output would not line up with its input.
            if kernel % 2 == 0 {
                return Some(format!("{name} = {kernel} is even; it must be odd"));
            }
        }
        let groups = self.groups;
        // Without a cortex nothing is grouped.
        let last = self.core_features.last().filter(|_| !self.cortex_features.is_empty());
        let last = last.map(|&width| ("the last of core_features", width));
        let cortex = self.cortex_features.iter().map(|&width| ("cortex_features", width));
        for (name, width) in last.into_iter().chain(cortex) {
            if width % groups != 0 {
                return Some(format!("groups = {groups} does not divide {name}, {width}"));
            }
        }
        let (expansion, ratio) = (self.expansion_ratio, self.se_reduce_ratio);
        let narrow = self.core_features.iter().find(|&&width| width * expansion < ratio)?;
        Some(format!(
            "se_reduce_ratio = {ratio} leaves nothing of the {} inner channels of a block of width {narrow}",
            narrow * expansion
        ))
    }

    fn number_problem(&self) -> Option<String> {
        if !(self.softplus_beta.is_finite() && self.softplus_beta > 0.0) {
            return Some(format!("softplus_beta = {} must be a positive number", self.softplus_beta));
        }
        for (name, rate) in [("drop_rate", self.drop_rate), ("drop_path_rate", self.drop_path_rate)] {
            // At 1 the keep probability, which is divided by, would be 0.
            if !(0.0..1.0).contains(&rate) {
                return Some(format!("{name} = {rate} must be at least 0 and below 1"));
            }
        }
        None
    }
}

/// Says what is wrong with one size.
fn within(name: &str, value: usize, allowed: RangeInclusive<usize>) -> Option<String> {
    (!allowed.contains(&value))
        .then(|| format!("{name} = {value} must be in {}..={}", allowed.start(), allowed.end()))
}

/// Says what is wrong with a list of sizes, of which there must be 1 to `most`.
fn each(name: &str, values: &[usize], most: usize, allowed: RangeInclusive<usize>) -> Option<String> {
    if values.is_empty() || values.len() > most {
        return Some(format!("{name} has {} entries; it must have 1 to {most}", values.len()));
    }
    let bad = values.iter().position(|value| !allowed.contains(value))?;
    within(&format!("{name}[{bad}]"), values[bad], allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper() -> ModelConfig {
        ModelConfig { readout_outputs: vec![7863, 7908], ..ModelConfig::default() }
    }

    /// Changes one field and returns the complaint.
    fn complaint(change: impl FnOnce(&mut ModelConfig)) -> String {
        let mut config = paper();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn the_published_sizes_are_valid() {
        paper().validate().unwrap();
    }

    #[test]
    fn every_bad_field_is_named_with_what_it_holds() {
        let cases: [(String, &[&str]); 14] = [
            (complaint(|c| c.readout_outputs.clear()), &["readout_outputs", "0 entries"]),
            (complaint(|c| c.readout_outputs[1] = 0), &["readout_outputs[1]", "0"]),
            (complaint(|c| c.spatial_strides.truncate(8)), &["core_features", "9", "spatial_strides", "8"]),
            (complaint(|c| c.core_features[3] = 0), &["core_features[3]"]),
            (complaint(|c| c.cortex_features.clear()), &["cortex_features"]),
            (complaint(|c| c.spatial_kernel = 4), &["spatial_kernel", "4", "odd"]),
            (complaint(|c| c.temporal_kernel = 0), &["temporal_kernel", "0"]),
            (complaint(|c| c.groups = 3), &["groups", "3", "256"]),
            (complaint(|c| c.groups = 0), &["groups", "0"]),
            (complaint(|c| c.se_reduce_ratio = 1000), &["se_reduce_ratio", "1000", "448"]),
            (complaint(|c| c.softplus_beta = f64::NAN), &["softplus_beta", "NaN"]),
            (complaint(|c| c.drop_rate = 1.0), &["drop_rate", "1"]),
            (complaint(|c| c.drop_path_rate = -0.1), &["drop_path_rate", "-0.1"]),
            (complaint(|c| c.in_channels = usize::MAX), &["in_channels"]),
        ];
        for (message, words) in cases {
            for word in words {
                assert!(message.contains(word), "{message:?} should name {word:?}");
            }
        }
    }

    #[test]
    fn groups_must_divide_a_cortex_width_too() {
        assert!(complaint(|c| c.cortex_features[1] = 2047).contains("2047"));
    }

    #[test]
    fn a_gaussian_readout_needs_no_cortex_and_then_no_groups() {
        let core = |readout| ModelConfig {
            readout,
            core_features: vec![16, 33],
            spatial_strides: vec![2, 1],
            cortex_features: Vec::new(),
            ..paper()
        };
        core(ReadoutKind::Gaussian).validate().unwrap();
        assert!(core(ReadoutKind::Pooled).validate().unwrap_err().to_string().contains("cortex_features"));
    }

    #[test]
    fn sizes_whose_product_is_absurd_are_refused_without_overflow() {
        let message = complaint(|c| {
            c.core_features = vec![MAX_WIDTH; MAX_LAYERS];
            c.spatial_strides = vec![1; MAX_LAYERS];
            c.cortex_features = vec![MAX_WIDTH; MAX_LAYERS];
            c.readout_outputs = vec![MAX_NEURONS; MAX_MICE];
            c.expansion_ratio = MAX_RATIO;
            c.se_reduce_ratio = 1;
            c.groups = 1;
        });
        assert!(message.contains("numbers"), "{message}");
    }
}
