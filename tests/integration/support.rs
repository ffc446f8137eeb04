//! What the tests share: where the reference arrays are and how to read them.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{ArrayD, IxDyn};
use v1reel::model::checkpoint::Checkpoint;
use v1reel::model::{DwiseNeuro, Encoder, Runtime, pytorch};

/// Folder of the reference arrays: `V1REEL_REFERENCE`, or the copies in `tests/fixtures/reference`.
pub fn reference_folder() -> PathBuf {
    std::env::var_os("V1REEL_REFERENCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference"),
        PathBuf::from,
    )
}

/// Reads array `name` of `file` in the reference folder as f32, whatever its stored type.
pub fn reference_array(file: &str, name: &str) -> ArrayD<f32> {
    let path = reference_folder().join(file);
    let mut archive = npyz::npz::NpzArchive::new(BufReader::new(File::open(&path).unwrap())).unwrap();
    let entry =
        archive.by_name(name).unwrap().unwrap_or_else(|| panic!("{} has no array {name}", path.display()));
    let shape: Vec<usize> = entry.shape().iter().map(|&n| n as usize).collect();
    assert_eq!(entry.order(), npyz::Order::C);
    let values: Vec<f32> = match entry.dtype() {
        npyz::DType::Plain(kind) => match (kind.type_char(), kind.size_field()) {
            (npyz::TypeChar::Float, 4) => entry.into_vec::<f32>().unwrap(),
            (npyz::TypeChar::Float, 8) => {
                entry.into_vec::<f64>().unwrap().iter().map(|&v| v as f32).collect()
            }
            (npyz::TypeChar::Uint, 1) => entry.into_vec::<u8>().unwrap().iter().map(|&v| v.into()).collect(),
            other => panic!("{name}: {other:?}"),
        },
        other => panic!("{name}: {other:?}"),
    };
    ArrayD::from_shape_vec(IxDyn(&shape), values).unwrap()
}

/// Reads a JSON file of the reference folder.
pub fn reference_json(file: &str) -> serde_json::Value {
    let path = reference_folder().join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Norm of the difference over the norm of the expected values.
pub fn relative_error<'a>(
    found: impl IntoIterator<Item = &'a f32>,
    expected: impl IntoIterator<Item = &'a f32>,
) -> f64 {
    let (mut difference, mut norm) = (0.0f64, 0.0f64);
    let (mut found, mut expected) = (found.into_iter(), expected.into_iter());
    loop {
        match (found.next(), expected.next()) {
            (Some(&f), Some(&e)) => {
                difference += f64::from(f - e).powi(2);
                norm += f64::from(e).powi(2);
            }
            (None, None) => return (difference / norm.max(1e-300)).sqrt(),
            _ => panic!("arrays of different lengths"),
        }
    }
}

/// Loads member `index` of the reference ensemble.
pub fn member(index: usize, device: &Device) -> DwiseNeuro {
    DwiseNeuro::load(member_checkpoint(index), device).unwrap()
}

/// Imports member `index` of the reference ensemble.
pub fn member_checkpoint(index: usize) -> Checkpoint {
    let path = reference_folder().join(format!("model_{index}.pth"));
    pytorch::read(&path).unwrap().into_checkpoint().unwrap()
}

/// Loads member `index` of the reference ensemble, frozen, on the CPU.
pub fn encoder(index: usize) -> Encoder {
    // Small enough that activations of the reference's clips are computed again.
    let runtime = Runtime::new(Device::flex(), 1 << 20);
    Encoder::load(member_checkpoint(index), &runtime).unwrap()
}

/// Counts the members of the reference ensemble.
pub fn member_count() -> usize {
    (0..).take_while(|index| reference_folder().join(format!("model_{index}.pth")).exists()).count()
}

/// Counts the mice of the reference model.
pub fn mice() -> usize {
    reference_json("model.json")["model"]["readout_outputs"].as_array().unwrap().len()
}

/// Puts an array on a device.
pub fn tensor<const D: usize>(array: &ArrayD<f32>, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(array.iter().copied().collect::<Vec<_>>(), array.shape()), device)
}

/// Height and width of the reference encoder's input.
pub fn input_size() -> [usize; 2] {
    let size = reference_json("model.json")["input_size"].clone();
    [0, 1].map(|axis| size[axis].as_u64().unwrap() as usize)
}

/// Whether a signal ended a process; only libhdf5 is not ours to mend.
pub fn died_in_hdf5(status: std::process::ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status
        .signal()
        .is_some_and(|signal| [libc_signal::SEGV, libc_signal::BUS, libc_signal::ABRT].contains(&signal))
}

/// Signals that faults in C end in.
mod libc_signal {
    pub const ABRT: i32 = 6;
    pub const BUS: i32 = 7;
    pub const SEGV: i32 = 11;
}

/// Reads what two makings of a file have to agree on: its bytes; of a film the frames that it shows, because x264
/// does not always code what is cropped away beside them in the same way.
pub fn what_counts(path: &Path) -> Vec<u8> {
    if path.extension().is_none_or(|extension| extension != "mp4") {
        return std::fs::read(path).unwrap();
    }
    let mut decoder = video_rs::Decoder::new(path).unwrap();
    let mut shown = Vec::new();
    while let Ok(frame) = decoder.decode_raw() {
        shown.extend(frame.pts().unwrap().to_le_bytes());
        let width = 3 * frame.width() as usize;
        frame.data(0).chunks(frame.stride(0)).for_each(|row| shown.extend(&row[..width]));
    }
    assert!(!shown.is_empty(), "{} shows nothing", path.display());
    shown
}
