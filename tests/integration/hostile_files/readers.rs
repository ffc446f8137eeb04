//! The readers of files from elsewhere, each with valid files to damage.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use burn::tensor::{Device, Tensor};
use ndarray::{Array2, Array3};
use v1reel::data::format::npy_header::{Element, Header};
use v1reel::data::{Mouse, TrialId};
use v1reel::error::Result;
use v1reel::event::Silent;
use v1reel::experiment::Experiment;
use v1reel::hdf5_file::write_text;
use v1reel::manifest::Manifest;
use v1reel::model::checkpoint::Checkpoint;
use v1reel::model::{ModelConfig, ReadoutKind, init, pytorch};
use v1reel::reconstruct::Snapshots;
use v1reel::reconstruct::result::{MemberResult, Reconstruction};
use v1reel::simulate::{SimulationConfig, Truth, simulate};
use v1reel::train::adamw::FlatTensors;
use v1reel::train::checkpoint::{self, Standing};
use v1reel::train::{TrainerPosition, member};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::recordings;

/// A reader and what it is fed.
pub struct Reader {
    /// What it reads.
    pub name: &'static str,
    /// Where the file stands in a folder.
    pub file: &'static str,
    /// Valid files; the first is what belongs there.
    pub corpus: Vec<Vec<u8>>,
    /// Behind what lengths and checksums it can be damaged as well.
    pub inside: Option<Inside>,
    /// Reads what is in the folder, the file and all that follows from it.
    pub read: fn(&Path) -> Result<()>,
}

/// A part of a file that lengths or checksums guard: damage to it is not noticed by them.
pub struct Inside {
    /// Takes it out.
    pub take: fn(&[u8]) -> Vec<u8>,
    /// Puts it back, with lengths and checksums that fit.
    pub put: fn(&[u8], Vec<u8>) -> Vec<u8>,
}

const NPY: Option<Inside> = Some(Inside { take: npy_header, put: with_npy_header });
const SAFETENSORS: Option<Inside> = Some(Inside { take: json_header, put: with_json_header });
const STATE: Option<Inside> = Some(Inside { take: json_header, put: with_hashed_header });
const PTH: Option<Inside> = Some(Inside { take: pickle, put: with_pickle });

/// Lists the readers; writes what their files stand beside into `folder`.
pub fn all(folder: &Path) -> Vec<Reader> {
    let mouse = folder.join("mouse");
    let config = SimulationConfig {
        neurons: 3,
        trials: 3,
        frames: 12,
        padded_frames: 14,
        height: 4,
        width: 5,
        ..SimulationConfig::default()
    };
    simulate(&config, &mouse, &Silent).expect("a simulated mouse");
    let of_mouse = |name, file: &'static str| Reader {
        name,
        file,
        corpus: [vec![bytes(&folder.join(file))], arrays()].concat(),
        inside: NPY,
        read: |folder| read_all(&folder.join("mouse")),
    };
    let mut readers = vec![
        of_mouse("movie.npy", "mouse/data/videos/1.npy"),
        of_mouse("responses.npy", "mouse/data/responses/0.npy"),
        of_mouse("behavior.npy", "mouse/data/behavior/2.npy"),
        of_mouse("tiers.npy", "mouse/meta/trials/tiers.npy"),
        of_mouse("unit_ids.npy", "mouse/meta/neurons/unit_ids.npy"),
        of_mouse("coordinates.npy", "mouse/meta/neurons/cell_motor_coordinates.npy"),
    ];
    readers.extend(of_hdf5(
        ["truth.h5", "truth.old"],
        "mouse/truth.h5",
        hdf5_forms(&mouse.join("truth.h5"), &["expected/0", "expected/1", "expected/2"], &[]),
        |folder| match Truth::open(&folder.join("mouse"))? {
            Some(truth) => (0..3).try_for_each(|id| truth.expected(TrialId(id)).map(drop)),
            None => Ok(()),
        },
    ));
    readers.extend(recordings::readers(folder));
    readers.extend(of_runs(folder));
    readers.extend(of_models(folder));
    readers.push(Reader {
        name: "experiment.toml",
        file: "experiment.toml",
        corpus: experiments(folder),
        inside: None,
        read: |folder| Experiment::load(&folder.join("experiment.toml"), &[]).map(drop),
    });
    for reader in &readers {
        fs::write(folder.join(reader.file), &reader.corpus[0]).expect("a writable folder");
    }
    readers
}

fn of_runs(folder: &Path) -> Vec<Reader> {
    let array =
        |frames: usize| Array3::from_shape_fn((frames, 4, 5), |(t, y, x)| (20 * t + 5 * y + x) as f32);
    let rows = || Array2::from_shape_fn((3, 9), |(n, t)| (9 * n + t) as f32);
    let member = MemberResult {
        movie: array(6),
        losses: vec![0.5; 7],
        response_correlations: vec![0.25; 7],
        snapshots: Snapshots { iterations: vec![2], clip_gradients: vec![40], movies: vec![array(6)] },
        settings: "{\"iterations\": 7}".into(),
    };
    member.write(&folder.join("member_0.h5")).expect("a written result");
    let ensemble = Reconstruction {
        movie: array(6),
        ground_truth: array(6),
        mask: Array2::ones((4, 5)),
        responses: rows(),
        predicted_responses: rows(),
        losses: Array2::ones((2, 7)),
        first_frame: 3,
        frame_rate_hz: 30.0,
        settings: "{\"iterations\": 7}".into(),
    };
    ensemble.write(&folder.join("ensemble.h5")).expect("a written result");
    let manifest = Manifest::new("", "seed", "cpu", &[folder.join("mouse")]).expect("a mouse");
    manifest.write(&folder.join("manifest.json")).expect("a written manifest");
    let metrics = "epoch,step,learning_rate,training_loss,validation_correlation\n\
                   1,9,0.001,4.5,0.25\n2,18,0.0005,4.25,\n";
    let arrays = [
        ["movie", "losses", "response_correlations"].as_slice(),
        &["movie", "ground_truth", "mask", "responses", "predicted_responses", "losses"],
    ]
    .concat();
    let reader = |name, read, corpus| Reader { name, file: name, corpus, inside: None, read };
    let read_member: fn(&Path) -> Result<()> = |f| MemberResult::read(&f.join("member_0.h5")).map(drop);
    let read_ensemble: fn(&Path) -> Result<()> = |f| {
        let found = Reconstruction::read(&f.join("ensemble.h5"))?;
        found.mean_losses();
        Ok(())
    };
    let read_manifest: fn(&Path) -> Result<()> = |f| Manifest::read(&f.join("manifest.json")).map(drop);
    let read_metrics: fn(&Path) -> Result<()> = |f| member::read_csv(&f.join("metrics.csv")).map(drop);
    let member = hdf5_forms(&folder.join("member_0.h5"), &arrays[..3], &[]);
    let ensemble = hdf5_forms(&folder.join("ensemble.h5"), &arrays[3..], &["first_frame", "frame_rate_hz"]);
    let mut readers = vec![
        reader("manifest.json", read_manifest, vec![bytes(&folder.join("manifest.json"))]),
        reader("metrics.csv", read_metrics, vec![metrics.into()]),
    ];
    readers.extend(of_hdf5(["member_0.h5", "member_0.old"], "member_0.h5", member, read_member));
    readers.extend(of_hdf5(["ensemble.h5", "ensemble.old"], "ensemble.h5", ensemble, read_ensemble));
    readers
}

fn of_models(folder: &Path) -> Vec<Reader> {
    let model = |readout: ReadoutKind, cortex: &[usize]| {
        let config = ModelConfig {
            readout_outputs: vec![3, 2],
            core_features: vec![4, 8],
            spatial_strides: vec![2, 1],
            expansion_ratio: 2,
            se_reduce_ratio: 4,
            cortex_features: cortex.to_vec(),
            readout,
            ..ModelConfig::default()
        };
        let path = folder.join("model.safetensors");
        init::initialize(&config, "damage", "model").and_then(|model| model.write(&path)).expect("a model");
        bytes(&path)
    };
    let state = folder.join("state.safetensors");
    let (standing, tensors) = standing();
    checkpoint::write(&state, &standing, &tensors).expect("a written state");
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/model_0.pth");
    vec![
        Reader {
            name: "model.safetensors",
            file: "model.safetensors",
            corpus: vec![model(ReadoutKind::Pooled, &[8]), model(ReadoutKind::Gaussian, &[])],
            inside: SAFETENSORS,
            read: |folder| Checkpoint::read(&folder.join("model.safetensors")).map(drop),
        },
        Reader {
            name: "state.safetensors",
            file: "state.safetensors",
            corpus: vec![bytes(&state)],
            inside: STATE,
            read: |folder| checkpoint::read(&folder.join("state.safetensors")).map(drop),
        },
        Reader {
            name: "member.pth",
            file: "member.pth",
            corpus: vec![bytes(&published)],
            inside: PTH,
            read: |folder| pytorch::read(&folder.join("member.pth"))?.into_checkpoint().map(drop),
        },
    ]
}

fn standing() -> (Standing, FlatTensors) {
    let tensor = |values: &[f32]| Tensor::<1>::from_floats(values, &Device::flex());
    let tensors = FlatTensors::from([
        ("encoder.a".to_string(), (vec![2, 2], tensor(&[1.0, 2.0, -0.0, 1e30]))),
        ("first_moment.a".to_string(), (vec![4], tensor(&[0.1, 0.2, 0.3, 1e-42]))),
    ]);
    let metrics = member::EpochMetrics {
        epoch: 1,
        step: 7,
        learning_rate: 0.3,
        training_loss: 4.5,
        validation_correlation: None,
    };
    let trainer = TrainerPosition { step: 9, dropout_words: 72, moment_steps: [("a".to_string(), 9)].into() };
    let (settings, losses) = ("hash".to_string(), vec![0.1, 0.25]);
    (Standing { settings, epoch: 1, batch: 2, losses, metrics: vec![metrics], trainer }, tensors)
}

fn experiments(folder: &Path) -> Vec<Vec<u8>> {
    let short = "preset = \"demo\"\n[data]\nmice = [\"mouse\"]\ntrials = [0, 1]\n[ensemble]\nmembers = 2\n";
    let path = folder.join("experiment.toml");
    fs::write(&path, short).expect("a writable folder");
    let whole = Experiment::load(&path, &[]).expect("an experiment").to_toml();
    [short, &whole, include_str!("../../../models/paper.toml")].map(|text| text.as_bytes().to_vec()).into()
}

/// Arrays of all types and of few and many axes, empty ones too.
fn arrays() -> Vec<Vec<u8>> {
    let shapes: [(Element, &[usize]); 9] = [
        (Element::F8, &[3, 14]),
        (Element::Unsigned(1), &[4, 5, 14]),
        (Element::F4, &[0, 40]),
        (Element::F8, &[40, 0]),
        (Element::Signed(4), &[3]),
        (Element::Unsigned(8), &[0]),
        (Element::Text(5), &[3]),
        (Element::Text(1), &[0]),
        (Element::F4, &[]),
    ];
    let array = |(element, shape): (Element, &[usize])| {
        let length = shape.iter().product::<usize>() * element.bytes().expect("a small element");
        [Header::format(element, shape), vec![0; length]].concat()
    };
    shapes.into_iter().map(array).collect()
}

/// One reader for each form of a file.
fn of_hdf5(
    names: [&'static str; 2],
    file: &'static str,
    forms: [Vec<u8>; 2],
    read: fn(&Path) -> Result<()>,
) -> impl Iterator<Item = Reader> {
    let forms = names.into_iter().zip(forms);
    forms.map(move |(name, bytes)| Reader { name, file, corpus: vec![bytes], inside: None, read })
}

/// A file, and the same arrays and attributes in the form that HDF5 writes when it is not asked for another:
/// without checksums. Others' tools write it.
fn hdf5_forms(path: &Path, arrays: &[&str], numbers: &[&str]) -> [Vec<u8>; 2] {
    let old = path.with_extension("old");
    let copy = || -> hdf5::Result<()> {
        let (from, to) = (hdf5::File::open(path)?, hdf5::File::create(&old)?);
        for name in arrays {
            let values: ndarray::ArrayD<f64> = from.dataset(name)?.read()?;
            to.new_dataset_builder().with_data(&values).create(*name)?;
        }
        for name in numbers {
            let value: f64 = from.attr(name)?.read_scalar()?;
            to.new_attr::<f64>().create(*name)?.write_scalar(&value)?;
        }
        write_text(&to, "settings", "settings")?;
        to.close()
    };
    copy().expect("a copy");
    [bytes(path), bytes(&old)]
}

/// Reads all of a mouse.
pub(super) fn read_all(mouse: &Path) -> Result<()> {
    let mouse = Mouse::open(mouse)?;
    for trial in &mouse.trials {
        if trial.withheld {
            mouse.read_movie(trial.id).map(drop)
        } else {
            mouse.read_trial(trial.id).map(drop)
        }?;
    }
    Ok(())
}

pub(super) fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The header's text: magic, version and a length of two bytes stand before it.
fn npy_header(file: &[u8]) -> Vec<u8> {
    file[10..npy_data(file)].to_vec()
}

fn with_npy_header(file: &[u8], header: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(header.len()).unwrap_or(u16::MAX).to_le_bytes();
    [&file[..8], &length, &header, &file[npy_data(file)..]].concat()
}

fn npy_data(file: &[u8]) -> usize {
    10 + usize::from(u16::from_le_bytes([file[8], file[9]]))
}

fn json_header(file: &[u8]) -> Vec<u8> {
    let (header, _) = json_parts(file);
    header.to_vec()
}

fn with_json_header(file: &[u8], header: Vec<u8>) -> Vec<u8> {
    let (_, tensors) = json_parts(file);
    [&(header.len() as u64).to_le_bytes(), &header[..], tensors].concat()
}

fn json_parts(file: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = file.split_first_chunk().expect("a length");
    rest.split_at(u64::from_le_bytes(*length) as usize)
}

/// Puts a header back with the hash that a hostile writer would give it: what can be parsed still is.
fn with_hashed_header(file: &[u8], header: Vec<u8>) -> Vec<u8> {
    let (_, tensors) = json_parts(file);
    let hashed = || {
        let mut whole: serde_json::Value = serde_json::from_slice(&header).ok()?;
        let ours = whole["__metadata__"]["v1reel-training"].as_str()?.to_owned();
        let mut ours: serde_json::Value = serde_json::from_str(&ours).ok()?;
        let mut parts = vec![("standing".to_owned(), ours["standing"].as_str()?.as_bytes().to_vec())];
        let mut by_place = BTreeMap::new();
        for (name, info) in whole.as_object()?.iter().filter(|(name, _)| *name != "__metadata__") {
            let at = |k: usize| Some(info["data_offsets"][k].as_u64()? as usize);
            by_place.insert((at(0)?, name.clone()), tensors.get(at(0)?..at(1)?)?.to_vec());
        }
        parts.extend(by_place.into_iter().map(|((_, name), bytes)| (name, bytes)));
        let mut hasher = blake3::Hasher::new();
        for part in parts.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes]) {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        *ours.get_mut("hash")? = hasher.finalize().to_hex().to_string().into();
        *whole.get_mut("__metadata__")?.get_mut("v1reel-training")? = ours.to_string().into();
        Some(whole.to_string().into_bytes())
    };
    with_json_header(file, hashed().unwrap_or(header))
}

fn pickle(file: &[u8]) -> Vec<u8> {
    let entry = entries(file).into_iter().find(|(name, _)| name.ends_with("/data.pkl"));
    entry.expect("a checkpoint has a pickle").1
}

fn with_pickle(file: &[u8], pickle: Vec<u8>) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries(file) {
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        writer.start_file(&name, stored).expect("an entry");
        let bytes = if name.ends_with("/data.pkl") { &pickle } else { &bytes };
        writer.write_all(bytes).expect("an entry in memory");
    }
    writer.finish().expect("an archive in memory").into_inner()
}

fn entries(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(file)).expect("a sound archive");
    let count = archive.len();
    let read = |index: usize| {
        let mut entry = archive.by_index(index).expect("an entry");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("a sound entry");
        (entry.name().expect("a name").into_owned(), bytes)
    };
    (0..count).map(read).collect()
}
