//! The documents of the files name what is in them: docs/file_formats.md and docs/exports.md against files just written.

use parquet::file::reader::{FileReader, SerializedFileReader};
use v1reel::hdf5_file::unlocked;

use super::*;
use crate::integration::whole_way::Lab;

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

/// The part of a document under a heading, up to the next one.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let start = document.find(heading).unwrap_or_else(|| panic!("no heading {heading:?}"));
    let rest = &document[start + heading.len()..];
    &rest[..rest.find("\n#").unwrap_or(rest.len())]
}

/// Cells of the rows of the tables in a text, without the headings.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect()
    };
    text.lines().filter(|line| line.starts_with("| `")).map(cells).collect()
}

/// The names in a cell such as `` `a`, `b` ``.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Says whether a path is of a form such as `masks/MOUSE.npy`: what is in capitals stands for one name.
fn is_of_form(path: &str, form: &str) -> bool {
    let (path, form): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), form.split('/').collect());
    let same = |(name, form): (&&str, &&str)| {
        let word = form.find(|c: char| c.is_ascii_uppercase()).map(|start| {
            let length = form[start..].find(|c: char| !c.is_ascii_uppercase()).unwrap_or(form.len() - start);
            (&form[..start], &form[start + length..])
        });
        match word {
            Some((before, after)) => {
                name.len() > before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
            }
            None => name == form,
        }
    };
    path.len() == form.len() && path.iter().zip(&form).all(same)
}

/// Every dataset and attribute of an HDF5 file: name, number of axes, type as h5py calls it.
fn datasets(path: &Path) -> Vec<(String, usize, String)> {
    let file = unlocked().open(path).unwrap();
    let mut found = Vec::new();
    let mut open = vec![(String::new(), file.group("/").unwrap())];
    while let Some((at, group)) = open.pop() {
        for name in group.member_names().unwrap() {
            let full = format!("{at}{name}");
            match group.group(&name) {
                Ok(inside) => open.push((format!("{full}/"), inside)),
                Err(_) => {
                    let set = group.dataset(&name).unwrap();
                    found.push((full, set.ndim(), set.dtype().unwrap().to_descriptor().unwrap().to_string()));
                }
            }
        }
    }
    for name in file.attr_names().unwrap() {
        let attribute = file.attr(&name).unwrap();
        let kind = attribute.dtype().unwrap().to_descriptor().unwrap().to_string();
        let kind = if kind.contains("unicode") || kind.contains("string") { "text".into() } else { kind };
        found.push((name, attribute.ndim(), kind));
    }
    found
}

fn assert_documented(document: &str, heading: &str, file: &Path) {
    let table = rows(section(document, heading));
    let found = datasets(file);
    assert!(!found.is_empty());
    for (name, axes, kind) in found {
        let row = table.iter().find(|row| names(&row[0]).iter().any(|form| is_of_form(&name, form)));
        let row = row.unwrap_or_else(|| panic!("{heading}: {name} is not documented"));
        let documented = row[1].split(',').filter(|axis| !axis.trim().is_empty()).count();
        assert_eq!(documented, axes, "{heading}: axes of {name}: {:?}", row[1]);
        assert_eq!(row[2], kind, "{heading}: type of {name}");
    }
}

#[test]
fn every_file_of_a_run_and_a_mouse_is_documented() {
    let lab = Lab::new("neurons = 12\n");
    for stage in ["train", "mask", "predict"] {
        lab.ok(&[stage, "small.toml"]);
    }
    lab.ok(&[
        "reconstruct",
        "small.toml",
        "--controls",
        "held-out-neurons",
        "--set",
        "reconstruction.snapshots=[1,2]",
    ]);
    for words in [
        &["evaluate", "small.toml", "--set", "reconstruction.snapshots=[1,2]"][..],
        &["validate", "small.toml"],
        &["report", "run"],
        &["export", "run", "--to", "npz,csv"],
    ] {
        lab.ok(words);
    }
    let text = document("file_formats.md");
    for (folder, heading) in [("run", "## The folder of a run"), ("mouse", "## The folder of a mouse")] {
        let table = rows(section(&text, heading));
        let forms: Vec<&str> = table.iter().flat_map(|row| names(&row[0])).collect();
        for path in contents(&lab.path(folder)).keys() {
            let path = path.to_str().unwrap();
            assert!(forms.iter().any(|form| is_of_form(path, form)), "{folder}: {path} is not documented");
        }
    }
    let trial = |top: &str| {
        let folder = lab.path(top).join("mouse");
        fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
    };
    let (recorded, half) = (trial("run/reconstructions"), trial("run/controls/held_out_neurons"));
    let linear = trial("run/controls/linear_decoder");
    for (heading, file) in [
        ("### `ensemble.h5`", recorded.join("ensemble.h5")),
        ("### `member_K.h5`", recorded.join("member_0.h5")),
        ("### `true_movie.h5`", half.join("true_movie.h5")),
        ("### `decoded.h5`", linear.join("decoded.h5")),
        ("### `truth.h5`", lab.path("mouse/truth.h5")),
    ] {
        assert_documented(&text, heading, &file);
    }
    for (heading, table) in [
        ("### `evaluation/trials.csv`", "evaluation/trials.csv"),
        ("### `evaluation/summary.csv`", "evaluation/summary.csv"),
        ("### `evaluation/course.csv`", "evaluation/course.csv"),
        ("### `evaluation/responses.csv`", "evaluation/responses.csv"),
        ("### `members/K/metrics.csv`", "members/0/metrics.csv"),
    ] {
        let documented: Vec<String> =
            rows(section(&text, heading)).iter().flat_map(|row| names(&row[0])).map(str::to_string).collect();
        let written = fs::read_to_string(lab.path("run").join(table)).unwrap();
        let heading: Vec<&str> = written.lines().next().unwrap().split(',').collect();
        assert_eq!(documented, heading, "{table}");
    }
}

#[test]
fn every_array_and_column_of_an_export_is_documented() {
    let run = MadeRun::new();
    exported(&run, &[Format::Npz, Format::H5, Format::Parquet], &[], true);
    let text = document("exports.md");
    let arrays = rows(section(&text, "## Arrays of npz and h5"));
    let archive = fs::File::open(run.file("npz/anna_trial_0_reconstruction.npz")).unwrap();
    let mut archive = npyz::npz::NpzArchive::new(std::io::BufReader::new(archive)).unwrap();
    let written: Vec<String> = archive.array_names().map(str::to_string).collect();
    assert!(written.len() > 12, "{written:?}");
    for name in written {
        let row = arrays.iter().find(|row| names(&row[0]).iter().any(|form| is_of_form(&name, form)));
        let row = row.unwrap_or_else(|| panic!("{name} is not documented"));
        let array = archive.by_name(&name).unwrap().unwrap();
        let axes = row[1].split(',').filter(|axis| !axis.trim().is_empty()).count();
        assert_eq!(axes, array.shape().len(), "axes of {name}");
        let kind = match array.dtype().descr().trim_matches('\'') {
            "<f4" => "float32",
            "<f8" => "float64",
            "|u1" => "uint8",
            "<i8" => "int64",
            text if text.starts_with("<U") => "text",
            other => panic!("{name}: {other}"),
        };
        assert_eq!(row[2], kind, "type of {name}");
    }
    let part = section(&text, "## csv, parquet");
    for table in ["trials", "frames", "behavior", "losses"] {
        let start = part.find(&format!("\n`{table}`: ")).unwrap_or_else(|| panic!("no table {table}"));
        let rest = &part[start + 1..];
        let rest = &rest[..rest.find("\n\n`").unwrap_or(rest.len())];
        let documented: Vec<String> =
            rows(rest).iter().flat_map(|row| names(&row[0])).map(str::to_string).collect();
        let file = fs::File::open(run.file(&format!("parquet/{table}.parquet"))).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let schema = reader.metadata().file_metadata().schema_descr();
        let mut written: Vec<&str> = schema.columns().iter().map(|column| column.name()).collect();
        if table == "trials" {
            // The scores are those of the evaluation, documented with its table.
            let scores = document("file_formats.md");
            let scores = rows(section(&scores, "### `evaluation/trials.csv`"));
            let scores: Vec<&str> = scores.iter().flat_map(|row| names(&row[0])).collect();
            written.retain(|name| !scores.contains(name) || documented.iter().any(|known| known == name));
        }
        assert_eq!(documented, written, "{table}");
    }
}
