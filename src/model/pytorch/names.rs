//! What the published encoder calls its tensors, and how it shapes them. Its convolutions run over time,
//! height and width, with kernels of 1 along the axes they don't look along; ours leave those axes out. The
//! values stand in the same order.

/// Published spelling of the modules of a block (`covn` is theirs).
const BLOCK: [(&str, &str); 11] = [
    ("expand", "conv_pw.0"),
    ("expand_norm", "conv_pw.1.bn"),
    ("spatial", "spat_covn_dw.0"),
    ("spatial_norm", "spat_covn_dw.1.bn"),
    ("temporal", "temp_covn_dw.0"),
    ("temporal_norm", "temp_covn_dw.1.bn"),
    ("squeeze_excite.reduce", "se.conv_reduce"),
    ("squeeze_excite.expand", "se.conv_expand"),
    ("project", "conv_pwl.0"),
    ("project_norm", "conv_pwl.1.bn"),
    ("shortcut_norm", "bn_sc.bn"),
];
/// The same of the stem, of a cortex layer, of a readout.
const STEM: [(&str, &str); 2] = [("conv", "0"), ("norm", "1.bn")];
const CORTEX: [(&str, &str); 3] = [("conv", "conv"), ("norm", "bn.bn"), ("shortcut_norm", "bn_sc.bn")];
const READOUT: [(&str, &str); 1] = [("conv", "layer.1")];
/// Published spelling of a norm's arrays that are called otherwise.
const NORM: [(&str, &str); 2] = [("gamma", "weight"), ("beta", "bias")];

/// Says what a tensor of ours is called and shaped in a published checkpoint. `None` when it has no
/// counterpart there.
pub(super) fn published(name: &str, shape: &[usize]) -> Option<(String, Vec<usize>)> {
    if let Some(rest) = name.strip_prefix("core.stem.") {
        return Some((format!("core.stem.{}", rename(rest, &STEM)?), with_axes(rest, shape, 3)));
    }
    if let Some(rest) = name.strip_prefix("core.blocks.") {
        let (block, rest) = indexed(rest)?;
        // Positional encodings and blocks alternate in one list there.
        if rest == "positional.inv_freq" {
            return Some((format!("core.blocks.{}.inv_freq", 2 * block), shape.to_vec()));
        }
        let renamed = rename(rest, &BLOCK)?;
        return Some((format!("core.blocks.{}.{renamed}", 2 * block + 1), with_axes(rest, shape, 3)));
    }
    if let Some(rest) = name.strip_prefix("cortex.layers.") {
        let (layer, rest) = indexed(rest)?;
        return Some((
            format!("cortex.layers.{layer}.{}", rename(rest, &CORTEX)?),
            with_axes(rest, shape, 1),
        ));
    }
    let (mouse, rest) = indexed(name.strip_prefix("readouts.")?)?;
    Some((format!("readouts.{mouse}.{}", rename(rest, &READOUT)?), with_axes(rest, shape, 1)))
}

/// Splits `3.expand.weight` into 3 and the rest.
fn indexed(name: &str) -> Option<(usize, &str)> {
    let (index, rest) = name.split_once('.')?;
    Some((index.parse().ok()?, rest))
}

/// Renames `module.field`.
fn rename(name: &str, modules: &[(&str, &str)]) -> Option<String> {
    let (module, field) = name.rsplit_once('.')?;
    let (_, module) = modules.iter().find(|(ours, _)| *ours == module)?;
    let field = NORM.iter().find(|(ours, _)| *ours == field).map_or(field, |(_, theirs)| theirs);
    Some(format!("{module}.{field}"))
}

/// Adds the axes of length 1 that a convolution over `axes` axes has there.
fn with_axes(name: &str, shape: &[usize], axes: usize) -> Vec<usize> {
    match (name, shape) {
        ("spatial.weight", [channels, height, width]) => vec![*channels, 1, 1, *height, *width],
        ("temporal.weight", [channels, time]) => vec![*channels, 1, *time, 1, 1],
        (_, [out, input]) => [*out, *input].into_iter().chain(std::iter::repeat_n(1, axes)).collect(),
        _ => shape.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ModelConfig, layout::expected_tensors};

    #[test]
    fn every_tensor_of_ours_has_one_published_counterpart_of_its_size() {
        let config = ModelConfig { readout_outputs: vec![37, 24], ..ModelConfig::default() };
        let expected = expected_tensors(&config);
        let mut keys = std::collections::BTreeSet::new();
        for (name, shape) in &expected {
            let (key, published) = published(name, shape).unwrap_or_else(|| panic!("{name} has none"));
            assert_eq!(published.iter().product::<usize>(), shape.iter().product::<usize>(), "{name}");
            assert!(keys.insert(key), "{name} shares its key");
        }
        assert_eq!(published("core.blocks.0.dropout.weight", &[1]), None);
    }

    #[test]
    fn names_and_shapes_are_those_of_the_published_checkpoints() {
        let cases = [
            ("core.stem.norm.gamma", &[64][..], "core.stem.1.bn.weight", &[64][..]),
            ("core.blocks.3.positional.inv_freq", &[11], "core.blocks.6.inv_freq", &[11]),
            (
                "core.blocks.3.spatial.weight",
                &[448, 3, 3],
                "core.blocks.7.spat_covn_dw.0.weight",
                &[448, 1, 1, 3, 3],
            ),
            (
                "core.blocks.0.temporal.weight",
                &[448, 5],
                "core.blocks.1.temp_covn_dw.0.weight",
                &[448, 1, 5, 1, 1],
            ),
            ("cortex.layers.1.conv.weight", &[8, 4], "cortex.layers.1.conv.weight", &[8, 4, 1]),
            ("readouts.2.conv.bias", &[38], "readouts.2.layer.1.bias", &[38]),
        ];
        for (name, shape, key, published_shape) in cases {
            assert_eq!(published(name, shape), Some((key.to_owned(), published_shape.to_vec())));
        }
    }
}
