//! Against the Python libraries that people open the files with, where there is a Python that has them.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use ndarray::Array3;
use serde_json::{Value, json};

use super::made::{FIRST, RATE_HZ, result};
use super::*;

/// Finds a Python that has all of `packages`, or says that there is none.
fn python(variable: &str, packages: &str) -> Option<OsString> {
    let named = std::env::var_os(variable);
    let python = named.clone().unwrap_or_else(|| "python3".into());
    let found = Command::new(&python).args(["-c", &format!("import {packages}")]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    // One that was named has to be there.
    assert!(named.is_none(), "{variable}={python:?} has not all of {packages}");
    println!("skipped: no Python with {packages}; name one with {variable}");
    None
}

fn export_python(packages: &str) -> Option<OsString> {
    python("V1REEL_EXPORT_PYTHON", packages)
}

fn run(python: &OsStr, words: &[&OsStr]) -> String {
    let output = Command::new(python).args(words).env("MPLBACKEND", "Agg").output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a script that prints JSON about a file.
fn asked(python: &OsStr, script: &str, file: &Path) -> Value {
    serde_json::from_str(&run(python, &["-c".as_ref(), script.as_ref(), file.as_ref()])).unwrap()
}

/// Pixels as JSON has them, in the order of the array.
fn pixels(movie: &Array3<f32>) -> Value {
    json!(movie.iter().map(|&pixel| f64::from(pixel)).collect::<Vec<_>>())
}

#[test]
fn tifffile_sees_a_stack_of_imagej_with_axes_tyx_and_the_frame_rate() {
    let Some(python) = export_python("tifffile, numpy") else { return };
    let run = MadeRun::new();
    exported(&run, &[Format::Tiff], &[], false);
    let script = "
import json, sys, tifffile
with tifffile.TiffFile(sys.argv[1]) as file:
    series, said = file.series[0], file.imagej_metadata
    movie = series.asarray()
    print(json.dumps({'imagej': file.is_imagej, 'axes': series.axes, 'shape': series.shape, 'dtype': str(movie.dtype),
        'fps': said.get('fps'), 'interval': said.get('finterval'), 'loop': said.get('loop'), 'frames': said.get('frames'),
        'pages': len(file.pages), 'contiguous': series.dataoffset is not None,
        'pixels': movie.ravel().astype(float).tolist()}))
";
    let movie = result(2, 1.0).movie;
    let found = asked(&python, script, &run.file("tiff/anna_trial_2_reconstruction.tif"));
    assert_eq!((&found["imagej"], &found["axes"]), (&json!(true), &json!("TYX")));
    assert_eq!(found["shape"], json!([movie.dim().0, movie.dim().1, movie.dim().2]));
    assert_eq!((found["fps"].as_f64(), found["interval"].as_f64()), (Some(RATE_HZ), Some(1.0 / RATE_HZ)));
    assert_eq!((&found["loop"], &found["dtype"]), (&json!(true), &json!("float32")));
    assert_eq!((&found["frames"], &found["pages"]), (&json!(movie.dim().0), &json!(movie.dim().0)));
    assert_eq!(found["contiguous"], true, "as ImageJ reads it");
    assert_eq!(found["pixels"], pixels(&movie));
    let mask = asked(&python, script, &run.file("tiff/anna_trial_2_mask.tif"));
    assert_eq!((&mask["axes"], &mask["dtype"]), (&json!("YX"), &json!("uint8")));
}

#[test]
fn numpy_opens_an_npz_without_pickles() {
    let Some(python) = export_python("numpy") else { return };
    let run = MadeRun::new();
    exported(&run, &[Format::Npz], &[], true);
    let script = "
import json, sys, numpy
with numpy.load(sys.argv[1], allow_pickle=False) as file:
    print(json.dumps({'arrays': {name: [str(file[name].dtype), file[name].shape] for name in file},
        'mouse': str(file['mouse']), 'trial': int(file['trial']), 'rate': float(file['frame_rate_hz']),
        'condition': str(file['condition']), 'settings': str(file['settings']),
        'pixels': file['movie'].ravel().astype(float).tolist()}))
";
    let found = asked(&python, script, &run.file("npz/anna_trial_0_reconstruction.npz"));
    let movie = result(0, 1.0).movie;
    assert_eq!(found["pixels"], pixels(&movie));
    assert_eq!((&found["mouse"], &found["trial"]), (&json!("anna"), &json!(0)));
    assert_eq!((&found["rate"], &found["condition"]), (&json!(RATE_HZ), &json!("recorded")));
    assert_eq!(found["settings"], result(0, 1.0).settings);
    assert_eq!(found["arrays"]["mask"], json!(["uint8", [movie.dim().1, movie.dim().2]]));
    assert_eq!(
        found["arrays"]["member_1"],
        json!(["float32", [movie.dim().0, movie.dim().1, movie.dim().2]])
    );
    assert_eq!(found["arrays"]["losses"], json!(["float64", [2, 3]]));
}

#[test]
fn h5py_walks_the_whole_run() {
    let Some(python) = export_python("h5py, numpy") else { return };
    let run = MadeRun::new();
    exported(&run, &[Format::H5], &["all"], false);
    let script = "
import json, sys, h5py
with h5py.File(sys.argv[1], 'r') as file:
    names = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    movie = file['anna/trial_2/recorded/movie']
    trial = file['anna/trial_2']
    print(json.dumps({'names': names, 'axes': movie.attrs['axes'], 'units': movie.attrs['units'],
        'rate': float(trial.attrs['frame_rate_hz']), 'first': int(trial['recorded'].attrs['first_frame']),
        'experiment': file.attrs['experiment'], 'pixels': movie[()].ravel().astype(float).tolist()}))
";
    let found = asked(&python, script, &run.file("h5/first.h5"));
    assert_eq!(found["pixels"], pixels(&result(2, 1.0).movie));
    assert_eq!((&found["axes"], &found["rate"]), (&json!("frame, height, width"), &json!(RATE_HZ)));
    assert_eq!(found["first"], json!(FIRST));
    assert!(found["experiment"].as_str().unwrap().contains("filter_sigma"));
    let names = found["names"].as_array().unwrap();
    for name in
        ["anna/trial_0/mask", "anna/trial_2/linear_decoder/movie", "anna/trial_2/shuffled_neurons/losses"]
    {
        assert!(names.contains(&json!(name)), "{name}: {names:?}");
    }
}

#[test]
fn pyarrow_reads_tables_with_their_types_and_units() {
    let Some(python) = export_python("pyarrow.parquet") else { return };
    let run = MadeRun::new();
    exported(&run, &[Format::Parquet], &[], false);
    let script = "
import json, sys, pyarrow.parquet
table = pyarrow.parquet.read_table(sys.argv[1])
said = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
print(json.dumps({'types': {field.name: str(field.type) for field in table.schema}, 'rows': table.num_rows,
    'units': json.loads(said['units']), 'nulls': table['frame_correlation'].null_count,
    'mice': table['mouse'].unique().to_pylist(), 'times': table['time_s'].to_pylist()[:2]}))
";
    let found = asked(&python, script, &run.file("parquet/frames.parquet"));
    assert_eq!(found["rows"], json!(2 * made::FRAMES));
    assert_eq!(found["nulls"], json!(2 * FIRST));
    assert_eq!(found["mice"], json!(["anna"]));
    assert_eq!(found["times"], json!([0.0, 1.0 / RATE_HZ]));
    let types = ["mouse", "trial", "time_s"].map(|name| found["types"][name].clone());
    assert_eq!(types, [json!("string"), json!("int64"), json!("double")]);
    assert_eq!(found["units"]["time_s"], "s");
}

#[test]
fn pynwb_opens_the_file_of_a_mouse_and_nwbinspector_finds_nothing_critical() {
    let Some(python) = python("V1REEL_NWB_PYTHON", "pynwb, nwbinspector") else { return };
    let run = MadeRun::new();
    exported(&run, &[Format::Nwb], &["recorded", "shuffled-neurons"], false);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nwb/inspect_file.py");
    let said = super::python::run(&python, &[script.as_ref(), run.file("nwb/anna.nwb").as_ref()]);
    let found: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(found["validation"], json!([]));
    let severe: Vec<&Value> = found["inspector"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| !finding["importance"].as_str().unwrap().starts_with("BEST_PRACTICE"))
        .collect();
    assert_eq!(severe, Vec::<&Value>::new());
    let control = &found["reconstructions"]["reconstruction_trial_2_shuffled_neurons"];
    assert_eq!(control["start"].as_f64(), Some((2 * made::FRAMES + FIRST) as f64 / RATE_HZ));
}

#[test]
fn the_examples_plot_what_was_exported() {
    let Some(python) = export_python("numpy, h5py, matplotlib") else { return };
    let run = MadeRun::new();
    exported(&run, &[Format::Npz, Format::H5], &["recorded", "shuffled-neurons"], false);
    for (script, file) in
        [("plot_reconstruction.py", "npz/anna_trial_2_reconstruction.npz"), ("plot_hdf5.py", "h5/first.h5")]
    {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(script);
        let picture = run.path().join("plot.png");
        super::python::run(&python, &[script.as_ref(), run.file(file).as_ref(), picture.as_ref()]);
        let drawn = image::open(&picture).unwrap();
        assert!(drawn.width() > 400 && drawn.height() > 200);
        let gray = drawn.to_luma8();
        let (first, mut pixels) = (gray.get_pixel(0, 0), gray.pixels());
        assert!(pixels.any(|pixel| pixel != first), "an empty picture");
        fs::remove_file(&picture).unwrap();
    }
}
