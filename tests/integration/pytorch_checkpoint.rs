//! Importing published checkpoints: the reference members come over exactly, a file that was tampered with
//! is refused in one line, and no file makes the reader panic or take much memory.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use v1reel::model::ModelConfig;
use v1reel::model::checkpoint::Checkpoint;
use v1reel::model::layout::expected_tensors;
use v1reel::model::pytorch;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::allocation::asked;
use super::support::{reference_folder, reference_json};

/// Runs `work` and returns how many bytes it asked for in all.
fn bytes_asked<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let (result, asked) = asked(work);
    (result, asked.total)
}

/// A member of the reference, of whatever sizes.
fn member(index: usize) -> PathBuf {
    reference_folder().join(format!("model_{index}.pth"))
}

/// The member that the tests tamper with. Always that of the fixtures: they know its bytes.
fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/model_0.pth")
}

/// Files of an archive, in order.
fn entries(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let count = archive.len();
    let read = |index| {
        let mut entry = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.name().unwrap().into_owned(), bytes)
    };
    (0..count).map(read).collect()
}

fn archive(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        writer.start_file(name, stored).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The fixture with one file of its archive changed.
fn with_entry(name: &str, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut entries = entries(&fixture());
    let (_, bytes) = entries.iter_mut().find(|(full, _)| full.ends_with(name)).unwrap();
    edit(bytes);
    archive(&entries)
}

/// Replaces the first `from` by `to`.
fn replace(bytes: &mut Vec<u8>, from: &[u8], to: &[u8]) {
    let start = find(bytes, from);
    bytes.splice(start..start + from.len(), to.iter().copied());
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).unwrap()
}

fn import(bytes: &[u8]) -> v1reel::error::Result<Checkpoint> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("member.pth");
    fs::write(&path, bytes).unwrap();
    pytorch::read(&path)?.into_checkpoint()
}

/// Imports what must be bad and returns the message, which names the file and is one line.
fn complaint(bytes: &[u8]) -> String {
    let message = import(bytes).unwrap_err().to_string();
    assert!(message.contains("member.pth: ") && !message.contains('\n'), "{message}");
    message
}

#[test]
fn every_reference_member_imports_with_the_sizes_of_model_json() {
    let sizes: ModelConfig = serde_json::from_value(reference_json("model.json")["model"].clone()).unwrap();
    let mut members = Vec::new();
    for index in 0..3 {
        let published = pytorch::read(&member(index)).unwrap();
        assert_eq!(published.config().unwrap(), sizes);
        let checkpoint = published.into_checkpoint().unwrap();
        let shapes = checkpoint.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone()));
        assert_eq!(shapes.collect::<std::collections::BTreeMap<_, _>>(), expected_tensors(&sizes));
        members.push(checkpoint);
    }
    assert_ne!(members[0].tensors, members[1].tensors);
    assert_ne!(members[1].tensors, members[2].tensors);
}

#[test]
fn values_are_those_of_the_storages() {
    let entries = entries(&member(0));
    let checkpoint = pytorch::read(&member(0)).unwrap().into_checkpoint().unwrap();
    // In the order in which `torch.save` numbers the storages of a DwiseNeuro: the stem has six, one of them
    // a count; a block 34, its inv_freq first. The last is the last readout's bias.
    let last = checkpoint.config.readout_outputs.len() - 1;
    let last_block = checkpoint.config.core_features.len() - 1;
    let count = entries.iter().filter(|(name, _)| name.contains("/data/")).count();
    let cases = [
        (0, "core.stem.conv.weight".to_owned()),
        (1, "core.stem.norm.gamma".to_owned()),
        (4, "core.stem.norm.running_var".to_owned()),
        (6, "core.blocks.0.positional.inv_freq".to_owned()),
        (7, "core.blocks.0.expand.weight".to_owned()),
        (13, "core.blocks.0.spatial.weight".to_owned()),
        (19, "core.blocks.0.temporal.weight".to_owned()),
        (26, "core.blocks.0.squeeze_excite.reduce.bias".to_owned()),
        (6 + 34 * last_block, format!("core.blocks.{last_block}.positional.inv_freq")),
        (count - 2, format!("readouts.{last}.conv.weight")),
        (count - 1, format!("readouts.{last}.conv.bias")),
    ];
    for (key, name) in cases {
        let (_, bytes) = entries.iter().find(|(full, _)| full.ends_with(&format!("/data/{key}"))).unwrap();
        let stored: Vec<f32> =
            bytes.chunks_exact(4).map(|value| f32::from_le_bytes(value.try_into().unwrap())).collect();
        assert_eq!(checkpoint.tensors[&name].values, stored, "{name}");
    }
}

#[test]
fn an_imported_member_survives_safetensors_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    let imported = pytorch::read(&member(0)).unwrap().into_checkpoint().unwrap();
    imported.write(&first).unwrap();
    let read = Checkpoint::read(&first).unwrap();
    assert_eq!(read.config, imported.config);
    assert_eq!(read.metadata, imported.metadata);
    assert_eq!(read.tensors, imported.tensors);
    read.write(&second).unwrap();
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
}

#[test]
fn a_pickle_that_would_run_code_is_refused_by_name_and_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let command = format!("touch {}", trace.display());
    let mut attack = b"\x80\x02cos\nsystem\nX".to_vec();
    attack.extend((command.len() as u32).to_le_bytes());
    attack.extend(command.as_bytes());
    attack.extend(b"\x85R.");
    let message = complaint(&with_entry("data.pkl", |pickle| *pickle = attack));
    assert!(message.contains("`os.system`"), "{message}");
    assert!(!trace.exists());

    // In the middle of an honest file, too.
    let message = complaint(&with_entry("data.pkl", |pickle| {
        replace(pickle, b"ctorch._utils\n_rebuild_tensor_v2\n", b"cbuiltins\neval\n");
    }));
    assert!(message.contains("`builtins.eval`"), "{message}");
    let message = complaint(&with_entry("data.pkl", |pickle| {
        replace(pickle, b"ctorch\nFloatStorage\n", b"ctorch\nHalfStorage\n");
    }));
    assert!(message.contains("`torch.HalfStorage`"), "{message}");
}

#[test]
fn a_missing_tensor_is_named_with_its_shape() {
    let missing = with_entry("data.pkl", |pickle| {
        // Cuts one item out of the state dict: from its key (after the instruction and length) to the next.
        let start = find(pickle, b"core.stem.1.bn.bias") - 5;
        let end = find(pickle, b"core.stem.1.bn.running_mean") - 5;
        pickle.drain(start..end);
    });
    let message = complaint(&missing);
    assert!(message.contains("core.stem.1.bn.bias [8] is missing"), "{message}");
}

#[test]
fn a_misshapen_tensor_is_named_with_both_shapes() {
    let misshapen = with_entry("data.pkl", |pickle| {
        // The stem's convolution, (8, 5, 1, 1, 1), as (5, 8, 1, 1, 1): still inside its storage.
        replace(pickle, b"(K\x08K\x05K\x01K\x01K\x01t", b"(K\x05K\x08K\x01K\x01K\x01t");
    });
    let message = complaint(&misshapen);
    assert!(message.contains("core.stem.0.weight has shape [5, 8, 1, 1, 1]"), "{message}");
    assert!(message.contains("expected [8, 5, 1, 1, 1]"), "{message}");
}

#[test]
fn an_unknown_tensor_or_size_is_named() {
    let renamed = with_entry("data.pkl", |pickle| {
        replace(pickle, b"readouts.1.layer.1.bias", b"readouts.1.layer.1.bios");
    });
    let message = complaint(&renamed);
    assert!(message.contains("readouts.1.layer.1.bias [24] is missing"), "{message}");
    assert!(message.contains("readouts.1.layer.1.bios"), "{message}");
    let fewer = with_entry("data.pkl", |pickle| replace(pickle, b"K\x25K\x18\x86", b"K\x25\x85"));
    let message = complaint(&fewer);
    assert!(
        message.contains("unknown tensors: readouts.1.layer.1.bias, readouts.1.layer.1.weight"),
        "{message}"
    );
    let size = with_entry("data.pkl", |pickle| replace(pickle, b"softplus_beta", b"softplus_teba"));
    assert!(complaint(&size).contains("lack softplus_beta"));
    let model = with_entry("data.pkl", |pickle| replace(pickle, b"dwiseneuro", b"dwiseneura"));
    assert!(complaint(&model).contains("dwiseneura, expected dwiseneuro"));
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = fs::read(fixture()).unwrap();
    for length in (0..whole.len()).step_by(1201).chain([1, 3, whole.len() - 30, whole.len() - 1]) {
        complaint(&whole[..length]);
    }
    let pickle = with_entry("data.pkl", |pickle| pickle.truncate(pickle.len() / 2));
    assert!(complaint(&pickle).contains("cut short"));
    let storage = with_entry("/data/7", |bytes| bytes.truncate(40));
    let message = complaint(&storage);
    assert!(
        message.contains("core.blocks.1.conv_pw.0.weight: data/7 takes 40 bytes, expected 768"),
        "{message}"
    );
}

#[test]
fn damaged_and_foreign_archives_are_told_apart() {
    let mut flipped = fs::read(fixture()).unwrap();
    let stem = entries(&fixture()).into_iter().find(|(name, _)| name.ends_with("/data/0")).unwrap().1;
    let place = find(&flipped, &stem);
    flipped[place] ^= 1;
    let message = complaint(&flipped);
    assert!(message.contains("core.stem.0.weight: data/0: "), "the checksum should not match: {message}");

    // The method of the first file in the central directory becomes deflate.
    let mut compressed = fs::read(fixture()).unwrap();
    let directory = find(&compressed, b"PK\x01\x02");
    compressed[directory + 10] = 8;
    assert!(complaint(&compressed).contains("data.pkl is compressed"));

    let other = archive(&[("notes.txt".to_owned(), b"hello".to_vec())]);
    assert!(complaint(&other).contains("no data.pkl"));
    let big = with_entry("/byteorder", |order| *order = b"big".to_vec());
    assert!(complaint(&big).contains("byteorder"));
    let nan = with_entry("/data/1", |bytes| bytes[4..8].copy_from_slice(&f32::NAN.to_le_bytes()));
    assert!(complaint(&nan).contains("core.stem.1.bn.weight holds NaN at position 1"));
    assert!(complaint(b"not a zip archive at all").contains("not a PyTorch checkpoint"));
}

#[test]
fn archives_without_a_byte_order_are_little_endian() {
    let mut entries = entries(&fixture());
    entries.retain(|(name, _)| !name.ends_with("/byteorder"));
    let imported = import(&archive(&entries)).unwrap();
    assert_eq!(imported.tensors, pytorch::read(&fixture()).unwrap().into_checkpoint().unwrap().tensors);
}

/// Eight times what importing an honest member asks for in all (1 MiB), for the paths that errors take; far
/// less than a size of four bytes could claim.
const MOST_ASKED: usize = 8 << 20;

#[test]
fn reading_takes_memory_in_proportion_to_the_file() {
    let (checkpoint, asked) = bytes_asked(|| pytorch::read(&fixture()).unwrap().into_checkpoint());
    checkpoint.unwrap();
    assert!(asked < MOST_ASKED, "an honest file took {asked} bytes");
    // A view that repeats one element two billion times.
    let expanded = with_entry("data.pkl", |pickle| {
        let shape = b"(K\x08K\x05K\x01K\x01K\x01tqD(K\x05K\x01K\x01K\x01K\x01t";
        replace(pickle, shape, b"(J\xff\xff\xff\x7fK\x05K\x01K\x01K\x01tqD(K\x00K\x01K\x01K\x01K\x01t");
    });
    let (message, asked) = bytes_asked(|| complaint(&expanded));
    assert!(message.contains("core.stem.0.weight: shape [2147483647, 5, 1, 1, 1] holds more"), "{message}");
    assert!(asked < MOST_ASKED, "refusing it took {asked} bytes");
    // A storage that claims sixteen gigabytes.
    let claimed = with_entry("data.pkl", |pickle| {
        replace(pickle, b"K(tqCQ", b"\x8a\x05\x00\x00\x00\x00\x01tqCQ");
    });
    let (message, asked) = bytes_asked(|| complaint(&claimed));
    assert!(message.contains("data/0 takes 160 bytes, expected 17179869184"), "{message}");
    assert!(asked < MOST_ASKED, "refusing it took {asked} bytes");
}

type Changes = Vec<(prop::sample::Index, u8)>;

fn changes() -> impl Strategy<Value = Changes> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)
}

fn apply(bytes: &mut [u8], changes: &Changes) {
    for (index, byte) in changes {
        bytes[index.index(bytes.len())] = *byte;
    }
}

fn must_survive(bytes: &[u8]) -> Result<(), TestCaseError> {
    let (result, asked) = bytes_asked(|| import(bytes));
    prop_assert!(asked < MOST_ASKED, "{asked} bytes");
    if let Err(error) = result {
        prop_assert!(!error.to_string().contains('\n'), "{error}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_never_panic_or_take_much_memory(changes in changes(), tail in any::<bool>()) {
        let mut bytes = fs::read(fixture()).unwrap();
        // Half of them in the archive's directory, which checksums don't cover.
        let start = if tail { find(&bytes, b"PK\x01\x02") } else { 0 };
        apply(&mut bytes[start..], &changes);
        must_survive(&bytes)?;
    }

    #[test]
    fn a_changed_pickle_in_a_sound_archive_never_panics(changes in changes()) {
        must_survive(&with_entry("data.pkl", |pickle| apply(pickle, &changes)))?;
    }
}
