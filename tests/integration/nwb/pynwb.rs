//! Against pynwb and nwbinspector, where there is a Python that has them.

use std::process::Command;

use super::*;

/// Finds a Python that has pynwb and nwbinspector, or says that there is none.
fn python() -> Option<std::ffi::OsString> {
    let named = std::env::var_os("V1REEL_NWB_PYTHON");
    let python = named.clone().unwrap_or_else(|| "python3".into());
    let found = Command::new(&python).args(["-c", "import pynwb, nwbinspector"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    // One that was named has to be there.
    assert!(named.is_none(), "V1REEL_NWB_PYTHON={python:?} has no pynwb and nwbinspector");
    println!("skipped: no Python with pynwb and nwbinspector; name one with V1REEL_NWB_PYTHON");
    None
}

fn run_script(python: &std::ffi::OsStr, script: &str, file: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nwb").join(script);
    let output = Command::new(python).arg(&script).arg(file).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", script.display());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn pynwb_opens_what_is_written_and_nwbinspector_finds_nothing_critical() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, rows) in [("mouse_a", [2, 2]), ("mouse_b", [0, 0]), ("mouse_c", [1, 3])] {
        let mouse = folder.path().join(name);
        let file = mouse.with_extension("nwb");
        let trials = write_mouse(&mouse, rows, true);
        if name == "mouse_b" {
            std::fs::remove_file(mouse.join("meta/neurons/cell_motor_coordinates.npy")).unwrap();
        }
        let movie = Array3::from_elem((10, 6, 8), 127.5);
        let made = ReconstructedMovie {
            trial: TrialId(1),
            movie,
            first_frame: 20,
            settings: String::new(),
            condition: None,
        };
        let opened = Mouse::open(&mouse).unwrap();
        export(&opened, &[made], &file, &ExportOptions::default(), &Silent).unwrap();
        let said = run_script(&python, "inspect_file.py", &file);
        let found: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert_eq!(found["validation"], serde_json::json!([]), "{name}");
        let findings = found["inspector"].as_array().unwrap();
        println!("{name}: {findings:#?}");
        let severe = |finding: &&serde_json::Value| {
            let importance = finding["importance"].as_str().unwrap();
            !importance.starts_with("BEST_PRACTICE")
        };
        assert_eq!(findings.iter().filter(severe).collect::<Vec<_>>(), Vec::<&serde_json::Value>::new());
        assert_eq!(found["responses"]["shape"], serde_json::json!([117, NEURONS]));
        assert_eq!(found["responses"]["rate"], 30.0);
        let sum: f64 = trials.iter().flat_map(|trial| &trial.responses).map(|&v| f64::from(v)).sum();
        // The same f32 values, summed in f64 in another order.
        assert!((found["responses"]["sum"].as_f64().unwrap() - sum).abs() < 1e-6);
        assert_eq!(found["movie"]["shape"], serde_json::json!([117, 8, 6]));
        assert_eq!(found["movie"]["dtype"], "uint8");
        assert_eq!(found["movie"]["pixel_3_2_1"], f64::from(trials[0].movie[[3, 1, 2]]));
        assert_eq!(found["cells"]["ids"], serde_json::json!([105, 3, 7, 1_000_000, 12]));
        assert_eq!(found["trials"]["tier"], serde_json::json!(["train", "oracle", "live_test_main"]));
        assert_eq!(found["trials"]["trial"], serde_json::json!([0, 1, 2]));
        assert_eq!(found["trials"]["start"][1], 40.0 / 30.0);
        assert_eq!(found["subject"], serde_json::json!({"id": name, "sex": "U", "species": "Mus musculus"}));
        let start = found["reconstructions"]["reconstruction_trial_1"]["start"].as_f64().unwrap();
        assert_eq!(start, 60.0 / 30.0);
        assert_eq!(found["behavior"].as_array().unwrap().is_empty(), rows == [0, 0]);
    }
}

#[test]
fn a_file_that_pynwb_wrote_is_read_as_it_means() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("foreign.nwb");
    run_script(&python, "make.py", &file);
    let (found, mouse, said) = imported(&file, &ImportOptions::default());
    assert_eq!((found.trials, found.neurons, found.frame_size), (3, 5, [6, 8]), "{said}");
    assert_eq!(found.behavior_rows, [2, 2]);
    // The last trial goes on after the recording's end.
    assert_eq!(found.left_out.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [3]);
    assert_eq!(mouse.unit_ids, Some(vec![72, 71, 70, 81, 80]));
    let places = mouse.cell_motor_coordinates.clone().unwrap();
    // Cell 72: the weighted mean of x is 21, of y 6; pixels of 1.5 x 2 um from (100, 200, 300) on.
    for (cell, expected) in [(0, [131.5, 212.0, 300.0]), (3, [109.0, 222.0, 350.0])] {
        for axis in 0..3 {
            assert!((places[[cell, axis]] - expected[axis]).abs() < 1e-3, "{places}");
        }
    }
    for (id, start) in [(0, 2.0), (1, 13.0), (2, 24.0)] {
        let trial = mouse.read_trial(TrialId(id)).unwrap();
        assert_eq!(trial.frames(), 300);
        for frame in (0..300).step_by(7) {
            let time = start + frame as f64 / 30.0;
            for (neuron, base) in [5.0, 4.0, 3.0, 14.0, 13.0].into_iter().enumerate() {
                // f32 below 32.
                assert!((f64::from(trial.responses[[neuron, frame]]) - base - time / 10.0).abs() < 1e-5);
            }
            assert!((f64::from(trial.behavior[[0, frame]]) - 50.0 + time / 4.0).abs() < 1e-4);
            // Cut, not rounded, to hundredths.
            assert!((f64::from(trial.behavior[[1, frame]]) - time).abs() < 0.011);
            assert!((f64::from(trial.pupil_center[[0, frame]]) - 120.0 - time).abs() < 1e-4);
            // Two frames of 60 Hz: their mean, whatever their jitter.
            let shown = |k: usize| ((2 * 5 + 20 * 2 + k) % 200) as f32;
            let first = (start * 60.0) as usize + 2 * frame;
            assert_eq!(trial.movie[[frame, 2, 5]], (shown(first) + shown(first + 1)) / 2.0);
        }
    }
}
