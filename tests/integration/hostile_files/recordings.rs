//! Readers of recordings that are one file: a mouse in HDF5, and NWB.

use std::fs;
use std::path::Path;

use hdf5::H5Type;
use hdf5::types::FixedUnicode;
use ndarray::ArrayD;
use v1reel::data::format::hdf5::convert;
use v1reel::data::format::nwb::{ExportOptions, ImportOptions, Recording, export};
use v1reel::data::verify::{Split, verify};
use v1reel::data::{Mouse, TrialId};
use v1reel::error::Result;
use v1reel::event::Silent;
use v1reel::hdf5_file::unlocked;

use super::readers::{Reader, bytes, read_all};

/// The text of a mouse's format and tiers.
type Text = FixedUnicode<64>;

/// Lists the readers; the mouse stands in `folder` already.
pub fn readers(folder: &Path) -> Vec<Reader> {
    let mouse = Mouse::open(folder.join("mouse")).expect("a simulated mouse");
    let converted = |compress: bool| {
        let path = folder.join("whole.h5");
        convert(&mouse, &path, compress, |_| ()).expect("a converted mouse");
        bytes(&path)
    };
    let forms = vec![converted(false), converted(true)];
    let old = folder.join("old.h5");
    without_checksums(&folder.join("whole.h5"), &old).expect("a copy");
    let nwb = folder.join("whole.nwb");
    export(&mouse, &[], &nwb, &ExportOptions::default(), &Silent).expect("an exported mouse");
    let reader = |name, file, corpus, read| Reader { name, file, corpus, inside: None, read };
    let readers = vec![
        reader("mouse.h5", "one_file.h5", forms, read_one_file as fn(&Path) -> Result<()>),
        reader("mouse.old", "one_file.h5", vec![bytes(&old)], read_one_file),
        reader("mouse.nwb", "recording.nwb", vec![bytes(&nwb)], read_nwb),
    ];
    for path in [folder.join("whole.h5"), old, nwb] {
        fs::remove_file(path).expect("a file that was written");
    }
    readers
}

fn read_one_file(folder: &Path) -> Result<()> {
    let path = folder.join("one_file.h5");
    // Whatever is wrong with it is in its report.
    verify(std::slice::from_ref(&path), Split::Tiers, &Silent)?;
    read_all(&path)
}

fn read_nwb(folder: &Path) -> Result<()> {
    let recording = Recording::open(&folder.join("recording.nwb"), &ImportOptions::default())?;
    for row in 0..recording.intervals() {
        // Why a row is no trial is no error.
        let _ = recording.read_trial(row, TrialId(0))?;
    }
    Ok(())
}

/// Copies a mouse in one file in the form that HDF5 writes when it is not asked for another, as h5py does.
pub fn without_checksums(from: &Path, to: &Path) -> hdf5::Result<()> {
    let (from, to) = (unlocked().open(from)?, unlocked().create(to)?);
    let format: Text = from.attr("format")?.read_scalar()?;
    to.new_attr::<Text>().shape(()).create("format")?.write_scalar(&format)?;
    copy::<Text>(&from, &to, "meta/trials/tiers")?;
    copy::<u64>(&from, &to, "meta/trials/frames")?;
    copy::<i64>(&from, &to, "meta/neurons/unit_ids")?;
    copy::<f32>(&from, &to, "meta/neurons/cell_motor_coordinates")?;
    for array in ["videos", "responses", "behavior", "pupil_center"] {
        for trial in from.group(&format!("data/{array}"))?.member_names()? {
            copy::<f32>(&from, &to, &format!("data/{array}/{trial}"))?;
        }
    }
    to.close()
}

fn copy<T: H5Type>(from: &hdf5::File, to: &hdf5::File, name: &str) -> hdf5::Result<()> {
    let values: ArrayD<T> = from.dataset(name)?.read()?;
    to.new_dataset_builder().with_data(&values).create(name).map(drop)
}
