//! Names and shapes of an encoder's tensors, stated once: the importer makes them, checkpoints are
//! checked against them, the layers are filled from them.

use std::collections::BTreeMap;

use super::{ModelConfig, ReadoutKind};

/// Lists every tensor that an encoder of these sizes has: name to shape, row-major.
///
/// `i`, `k` and `m` count blocks, cortex layers and mice from 0:
/// `core.stem`, `core.blocks.{i}`, `cortex.layers.{k}`, `readouts.{m}`. A `norm` has `gamma`, `beta`,
/// `running_mean` and `running_var`. Pointwise weights are `[out, in / groups]`, depthwise ones
/// `[channel, height, width]` or `[channel, time]`. A Gaussian readout has `position`, `spread`, `weight` and
/// `bias` by neuron instead of a `conv`.
///
/// `config` must be valid (see [`ModelConfig::validate`]).
pub fn expected_tensors(config: &ModelConfig) -> BTreeMap<String, Vec<usize>> {
    let mut tensors = BTreeMap::new();
    visit(config, &mut |name, shape| {
        tensors.insert(name, shape.to_vec());
    });
    tensors
}

/// Counts the numbers that an encoder of these sizes holds, in tensors that [`expected_tensors`] lists.
pub(super) fn count_numbers(config: &ModelConfig) -> usize {
    let mut numbers = 0;
    visit(config, &mut |_, shape| numbers += shape.iter().product::<usize>());
    numbers
}

/// Finds the known name that is most like `name`, for a message.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer names are not ours, and comparing them would cost the product of their lengths.
    const LONGEST: usize = 128;
    let name: String = name.chars().take(LONGEST).collect();
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .min_by_key(|candidate| strsim::levenshtein(&name, candidate))
}

type Visitor<'a> = dyn FnMut(String, &[usize]) + 'a;

fn visit(config: &ModelConfig, to: &mut Visitor) {
    let widths = &config.core_features;
    let first = widths.first().copied().unwrap_or(0);
    to("core.stem.conv.weight".into(), &[first, config.in_channels]);
    visit_norm("core.stem.norm", first, to);
    for (block, &width) in widths.iter().enumerate() {
        let width_out = widths.get(block + 1).copied().unwrap_or(width);
        visit_block(config, block, width, width_out, to);
    }
    let mut width = widths.last().copied().unwrap_or(0);
    for (layer, &width_out) in config.cortex_features.iter().enumerate() {
        let layer = format!("cortex.layers.{layer}");
        to(format!("{layer}.conv.weight"), &[width_out, width / config.groups]);
        visit_norm(&format!("{layer}.norm"), width_out, to);
        visit_norm(&format!("{layer}.shortcut_norm"), width_out, to);
        width = width_out;
    }
    for (mouse, &neurons) in config.readout_outputs.iter().enumerate() {
        visit_readout(config, &format!("readouts.{mouse}"), neurons, width, to);
    }
}

fn visit_readout(config: &ModelConfig, readout: &str, neurons: usize, width: usize, to: &mut Visitor) {
    match config.readout {
        ReadoutKind::Pooled => {
            // A grouped convolution needs outputs that divide; the surplus is cut after it.
            let padded = neurons.next_multiple_of(config.groups);
            to(format!("{readout}.conv.weight"), &[padded, width / config.groups]);
            to(format!("{readout}.conv.bias"), &[padded]);
        }
        ReadoutKind::Gaussian => {
            to(format!("{readout}.position"), &[neurons, 2]);
            to(format!("{readout}.spread"), &[neurons, 2, 2]);
            to(format!("{readout}.weight"), &[neurons, width]);
            to(format!("{readout}.bias"), &[neurons]);
        }
    }
}

fn visit_block(config: &ModelConfig, block: usize, width: usize, width_out: usize, to: &mut Visitor) {
    let block = format!("core.blocks.{block}");
    let inner = width * config.expansion_ratio;
    let squeezed = inner / config.se_reduce_ratio;
    let side = config.spatial_kernel;
    // DwiseNeuro gives each of time, height, width 2 * ceil(c / 6) channels, half of them sines.
    to(format!("{block}.positional.inv_freq"), &[width.div_ceil(6)]);
    to(format!("{block}.expand.weight"), &[inner, width]);
    visit_norm(&format!("{block}.expand_norm"), inner, to);
    to(format!("{block}.spatial.weight"), &[inner, side, side]);
    visit_norm(&format!("{block}.spatial_norm"), inner, to);
    to(format!("{block}.temporal.weight"), &[inner, config.temporal_kernel]);
    visit_norm(&format!("{block}.temporal_norm"), inner, to);
    to(format!("{block}.squeeze_excite.reduce.weight"), &[squeezed, inner]);
    to(format!("{block}.squeeze_excite.reduce.bias"), &[squeezed]);
    to(format!("{block}.squeeze_excite.expand.weight"), &[inner, squeezed]);
    to(format!("{block}.squeeze_excite.expand.bias"), &[inner]);
    to(format!("{block}.project.weight"), &[width_out, inner]);
    visit_norm(&format!("{block}.project_norm"), width_out, to);
    visit_norm(&format!("{block}.shortcut_norm"), width_out, to);
}

fn visit_norm(name: &str, width: usize, to: &mut Visitor) {
    for field in ["gamma", "beta", "running_mean", "running_var"] {
        to(format!("{name}.{field}"), &[width]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_encoder_has_about_25_million_numbers() {
        let config = ModelConfig { readout_outputs: vec![8000], ..ModelConfig::default() };
        let tensors = expected_tensors(&config);
        let numbers: usize = tensors.values().map(|shape| shape.iter().product::<usize>()).sum();
        assert_eq!(numbers, count_numbers(&config));
        // DESIGN says "about 25 M" with one readout of 8,000 neurons.
        assert!((23_000_000..27_000_000).contains(&numbers), "{numbers}");
        assert_eq!(tensors["core.blocks.8.project.weight"], [256, 1792]);
        assert_eq!(tensors["core.blocks.3.project.weight"], [128, 448]);
        assert_eq!(tensors["core.blocks.0.squeeze_excite.reduce.weight"], [14, 448]);
        assert_eq!(tensors["core.blocks.8.positional.inv_freq"], [43]);
        assert_eq!(tensors["cortex.layers.2.conv.weight"], [4096, 1024]);
    }

    #[test]
    fn an_odd_number_of_neurons_is_rounded_up_to_the_groups() {
        let config = ModelConfig { readout_outputs: vec![37], ..ModelConfig::default() };
        assert_eq!(expected_tensors(&config)["readouts.0.conv.weight"], [38, 2048]);
        assert_eq!(expected_tensors(&config)["readouts.0.conv.bias"], [38]);
    }

    #[test]
    fn a_gaussian_readout_reads_the_last_layer_there_is_for_every_neuron_by_itself() {
        let mut config = ModelConfig {
            readout: ReadoutKind::Gaussian,
            readout_outputs: vec![37],
            ..ModelConfig::default()
        };
        assert_eq!(expected_tensors(&config)["readouts.0.weight"], [37, 4096]);
        config.cortex_features.clear();
        let tensors = expected_tensors(&config);
        let of_readout = |part: &str| tensors[&format!("readouts.0.{part}")].clone();
        assert_eq!(
            ["position", "spread", "weight", "bias"].map(of_readout),
            [vec![37, 2], vec![37, 2, 2], vec![37, 256], vec![37]]
        );
        assert!(!tensors.keys().any(|name| name.starts_with("cortex.") || name.contains(".0.conv")));
    }

    #[test]
    fn the_nearest_name_is_found_and_a_huge_one_costs_nothing() {
        let known = ["core.stem.conv.weight", "core.stem.norm.beta"];
        assert_eq!(nearest("core.stem.conv.wieght", known), Some(known[0]));
        assert!(nearest(&"x".repeat(1 << 20), known).is_some());
        assert_eq!(nearest("a", []), None);
    }
}
