//! All formats at once, again, and through the command line from a run that was reconstructed.

use super::*;
use crate::integration::whole_way::Lab;

#[test]
fn exporting_again_gives_the_same_files_with_the_same_bytes() {
    let run = MadeRun::new();
    let files = exported(&run, &Format::ALL, &["all"], true);
    let first = contents(&run.out());
    let listed: Vec<PathBuf> =
        files.iter().map(|file| file.path.strip_prefix(run.out()).unwrap().to_path_buf()).collect();
    let mut sorted = listed.clone();
    sorted.sort();
    assert_eq!(sorted, first.keys().cloned().collect::<Vec<_>>(), "the list is of what was written");
    // HDF5 and zip note times in seconds, where they do.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let again = exported(&run, &Format::ALL, &["all"], true);
    assert_eq!(again, files);
    for (name, bytes) in contents(&run.out()) {
        assert!(first[&name] == bytes, "{} differs", name.display());
    }
}

#[test]
fn nwb_holds_the_recording_and_every_condition_at_its_trial() {
    let run = MadeRun::new();
    exported(&run, &[Format::Nwb], &["recorded", "shuffled-neurons"], false);
    let file = v1reel::hdf5_file::unlocked().open(run.file("nwb/anna.nwb")).unwrap();
    for (name, trial, share) in [
        ("reconstruction_trial_0", 0, 1.0),
        ("reconstruction_trial_2", 2, 1.0),
        ("reconstruction_trial_2_shuffled_neurons", 2, 0.3),
    ] {
        let group = file.group(&format!("processing/reconstruction/{name}")).unwrap();
        let movie: ndarray::Array3<f32> = group.dataset("data").unwrap().read().unwrap();
        assert_eq!(movie.permuted_axes([0, 2, 1]), made::result(trial, share).movie, "{name}");
        let start = group.dataset("starting_time").unwrap();
        let expected = (trial as usize * made::FRAMES + made::FIRST) as f64 / made::RATE_HZ;
        assert_eq!(start.read_scalar::<f64>().unwrap(), expected);
        assert_eq!(start.attr("rate").unwrap().read_scalar::<f64>().unwrap(), made::RATE_HZ);
    }
}

#[test]
fn a_reconstructed_run_is_exported_by_the_command_with_a_list_of_its_files() {
    let lab = Lab::new("neurons = 12\n");
    for stage in ["train", "mask", "reconstruct", "evaluate"] {
        lab.ok(&[stage, "small.toml"]);
    }
    let before = contents(&lab.path("run"));
    let said = lab.ok(&["export", "run", "--to", "tiff,csv", "--condition", "all", "--members", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&said).unwrap();
    let files = found["files"].as_array().unwrap();
    let written = contents(&lab.path("run/export"));
    assert_eq!(files.len(), written.len());
    for file in files {
        let path = lab.path(file["path"].as_str().unwrap());
        assert!(path.starts_with(lab.path("run/export").join(file["format"].as_str().unwrap())));
        assert!(path.is_file(), "{}", path.display());
    }
    let what: Vec<&str> = files.iter().map(|file| file["what"].as_str().unwrap()).collect();
    for expected in
        ["reconstruction", "ground_truth", "mask", "member_0", "member_1", "linear_decoder", "trials"]
    {
        assert!(what.contains(&expected), "{expected}: {what:?}");
    }
    let table = String::from_utf8(written[Path::new("csv/trials.csv")].clone()).unwrap();
    assert!(table.contains(",recorded,") && table.contains(",linear_decoder,"), "{table}");
    let after = contents(&lab.path("run"));
    assert!(before.iter().all(|(name, bytes)| &after[name] == bytes), "the run itself is only read");
    let said = lab.ok(&["export", "run", "--to", "npz", "--out", "there"]);
    assert!(said.trim_end().ends_with("1 file in there"), "{said}");
}
