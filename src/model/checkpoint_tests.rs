//! Tests of the checkpoint file: it keeps everything, and a bad one is one clear line.

use std::fs;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A small encoder's checkpoint, every number of which is different.
fn small() -> Checkpoint {
    let config = ModelConfig {
        readout_outputs: vec![3, 2],
        core_features: vec![4, 8],
        spatial_strides: vec![2, 1],
        expansion_ratio: 2,
        se_reduce_ratio: 4,
        cortex_features: vec![8],
        ..ModelConfig::default()
    };
    let mut next = 0.0;
    let tensors = expected_tensors(&config).into_iter().map(|(name, shape)| {
        let values = (0..shape.iter().product()).map(|_| {
            next += 0.37;
            next
        });
        (name, NamedTensor { values: values.collect(), shape })
    });
    let tensors = tensors.collect();
    let metadata = ["a", "b", "c", "d", "e"].map(|key| (key.to_owned(), format!("note \"{key}\"\n")));
    Checkpoint::new(config, metadata.into(), tensors)
}

fn written() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    small().write(&path).unwrap();
    fs::read(path).unwrap()
}

fn read(bytes: &[u8]) -> Result<Checkpoint> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    fs::write(&path, bytes).unwrap();
    Checkpoint::read(&path)
}

/// Reads what must be bad and returns the message, which names the file and is one line.
fn complaint(bytes: &[u8]) -> String {
    let message = read(bytes).unwrap_err().to_string();
    assert!(message.contains("model.safetensors: ") && !message.contains('\n'), "{message}");
    message
}

/// Rewrites the header through `edit`.
fn with_header(bytes: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let (prefix, rest) = bytes.split_first_chunk().unwrap();
    let (header, body) = rest.split_at(u64::from_le_bytes(*prefix) as usize);
    let mut header = serde_json::from_slice(header).unwrap();
    edit(&mut header);
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), body].concat()
}

/// Rewrites our part of the header through `edit`.
fn with_ours(edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    with_header(&written(), |header| {
        let place = &mut header["__metadata__"][HEADER_KEY];
        let mut ours = serde_json::from_str(place.as_str().unwrap()).unwrap();
        edit(&mut ours);
        *place = ours.to_string().into();
    })
}

#[test]
fn a_checkpoint_comes_back_exactly() {
    let (before, mut after) = (small(), read(&written()).unwrap());
    assert!(after.source.take().is_some());
    assert_eq!(before, after);
}

#[test]
fn equal_checkpoints_are_equal_files() {
    let first = written();
    // Hash maps start from new keys each time, so chance would have to strike eight times.
    for _ in 0..8 {
        assert_eq!(first, written());
    }
}

#[test]
fn a_checkpoint_that_could_not_be_read_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut diverged = small();
    diverged.tensors.get_mut("cortex.layers.0.norm.beta").unwrap().values[1] = f32::NAN;
    let message = diverged.write(&path).unwrap_err().to_string();
    assert!(message.contains("cortex.layers.0.norm.beta holds NaN at position 1"), "{message}");
    let mut short = small();
    short.tensors.get_mut("core.stem.norm.beta").unwrap().values.pop();
    let message = short.write(&path).unwrap_err().to_string();
    assert!(message.contains("core.stem.norm.beta has 3 values, expected 4"), "{message}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something half-written is left");
}

#[test]
fn taking_names_what_is_missing_and_finishing_what_is_left() {
    let mut checkpoint = read(&written()).unwrap();
    let message = checkpoint.take("core.stem.conv.wait").unwrap_err().to_string();
    assert!(message.contains("core.stem.conv.wait is missing; the nearest is"), "{message}");
    assert!(message.contains("core.stem.conv.weight"), "{message}");
    for (name, shape) in expected_tensors(&checkpoint.config) {
        if name != "readouts.1.conv.bias" {
            assert_eq!(checkpoint.take(&name).unwrap().shape, shape);
        }
    }
    let message = checkpoint.finish().unwrap_err().to_string();
    assert!(message.contains("unknown tensors: readouts.1.conv.bias"), "{message}");
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let bytes = written();
    for length in (0..bytes.len()).step_by(97).chain([1, 7, 8, 9, bytes.len() - 1]) {
        complaint(&bytes[..length]);
    }
    complaint(&[&bytes[..], b"surplus"].concat());
}

#[test]
fn a_header_that_lies_about_sizes_is_an_error() {
    let bytes = written();
    let mut huge = bytes.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(complaint(&huge).contains("header would take 18446744073709551615 bytes"));
    // The last tensor of the file is claimed to be a terabyte, consistently.
    let lying = with_header(&bytes, |header| {
        let last = &mut header["readouts.1.conv.weight"];
        let start = last["data_offsets"][0].as_u64().unwrap();
        last["shape"] = json!([1u64 << 38]);
        last["data_offsets"][1] = json!(start + (1 << 40));
    });
    assert!(complaint(&lying).contains("cut short?"));
    let wrapped =
        with_header(&bytes, |header| header["core.stem.conv.weight"]["shape"] = json!([1u64 << 63, 2]));
    complaint(&wrapped);
}

#[test]
fn tensors_that_the_sizes_do_not_call_for_are_named() {
    let bytes = written();
    let renamed = with_header(&bytes, |header| {
        let tensor = header["core.stem.norm.beta"].take();
        header.as_object_mut().unwrap().remove("core.stem.norm.beta");
        header["core.stem.norm.bate"] = tensor;
    });
    let message = complaint(&renamed);
    assert!(
        message.contains("core.stem.norm.beta [4] is missing; the nearest is core.stem.norm.bate"),
        "{message}"
    );
    let misshapen = with_header(&bytes, |header| header["core.stem.norm.beta"]["shape"] = json!([2, 2]));
    assert!(complaint(&misshapen).contains("core.stem.norm.beta has shape [2, 2], expected [4]"));
    let integers = with_header(&bytes, |header| header["core.stem.norm.beta"]["dtype"] = json!("I32"));
    assert!(complaint(&integers).contains("core.stem.norm.beta is I32, expected F32"));
    let other = with_ours(|ours| ours["config"]["readout_outputs"] = json!([3, 4]));
    assert!(complaint(&other).contains("readouts.1.conv.bias has shape [2], expected [4]"));
}

#[test]
fn a_value_that_is_not_finite_is_named() {
    let mut bytes = written();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(complaint(&bytes).contains("readouts.1.conv.weight holds NaN at position 7"));
}

#[test]
fn another_format_or_impossible_sizes_are_refused_in_words() {
    assert!(complaint(&with_ours(|ours| ours["format"] = json!(2))).contains("format 2; this v1reel reads"));
    assert!(complaint(&with_ours(|ours| ours["format"] = json!("x"))).contains("no format version"));
    assert!(complaint(&with_ours(|ours| ours["config"]["groups"] = json!(3))).contains("groups = 3"));
    assert!(complaint(&with_ours(|ours| ours["config"]["groups"] = json!(-1))).contains("bad model sizes"));
    assert!(complaint(&with_ours(|ours| ours["config"]["depth"] = json!(1))).contains("depth"));
    let lacking = with_ours(|ours| drop(ours["config"].as_object_mut().unwrap().remove("groups")));
    assert!(complaint(&lacking).contains("lack groups"));
    let foreign = with_header(&written(), |header| header["__metadata__"] = json!({"format": "pt"}));
    assert!(complaint(&foreign).contains("not a checkpoint of v1reel"));
    assert!(complaint(b"PK\x03\x04 and more").contains("v1reel import"));
    assert!(Checkpoint::read(&std::env::temp_dir()).is_err());
}

#[test]
fn a_file_from_before_a_setting_was_there_has_the_published_form() {
    let older = with_ours(|ours| {
        let config = ours["config"].as_object_mut().unwrap();
        assert!(LATER.iter().all(|setting| config.remove(*setting).is_some()));
    });
    assert_eq!(read(&older).unwrap().config, small().config);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn changed_bytes_never_panic(
        // Half of them in the header, where they do more harm.
        changes in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        // Once: writing waits for the disk.
        static WRITTEN: LazyLock<Vec<u8>> = LazyLock::new(written);
        let mut bytes = WRITTEN.clone();
        for (early, index, byte) in changes {
            let end = if early { 2000 } else { bytes.len() };
            bytes[index.index(end)] = byte;
        }
        if let Err(error) = read(&bytes) {
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
