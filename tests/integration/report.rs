//! The report as it is opened: what stands in its folder, and, where a Chromium is installed, what a browser
//! makes of it: no errors, the pixels of the HDF5, one clock for all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use ndarray::{ArrayView3, Axis, s};
use serde::Deserialize;
use v1reel::reconstruct::Reconstruction;
use v1reel::reconstruct::result::MemberResult;

use super::whole_way::{Lab, SMALL};

/// A run with so many trials, reconstructed; controls and scores are not made yet.
fn lab(trials: usize) -> Lab {
    let lab = Lab::new("neurons = 12\n");
    lab.write("small.toml", &SMALL.replace("trial_count = 1", &format!("trial_count = {trials}")));
    for stage in ["train", "mask", "reconstruct"] {
        lab.ok(&[stage, "small.toml"]);
    }
    lab
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Trials of the run, by the names of their folders.
fn trials(lab: &Lab) -> Vec<String> {
    let mut trials = names(&lab.path("run/reconstructions/mouse"));
    trials.sort_by_key(|trial| trial.parse::<u32>().unwrap());
    trials
}

/// What the page knows before it loads a movie.
fn data(page: &Path) -> serde_json::Value {
    let text = fs::read_to_string(page).unwrap();
    let (_, rest) = text.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_report_is_a_folder_of_its_own_that_is_written_anew_with_the_same_bytes() {
    let lab = lab(1);
    let said = lab.ok(&["report", "run"]);
    let page = lab.path("run/report/index.html");
    assert!(said.trim_end().ends_with("run/report/index.html"), "{said}");
    let first = fs::read(&page).unwrap();
    let known = data(&page);
    assert_eq!(
        (&known["mice"][0]["simulated"], &known["runs"][0]["evaluated"]),
        (&true.into(), &false.into())
    );
    assert_eq!(names(&lab.path("run/report")), ["data", "index.html"]);
    assert_eq!(names(&lab.path("run/report/data")).len(), 2, "movies and members' movies of a trial");
    lab.write("run/report/data/old.js", "left by an older report");
    lab.ok(&["report", "run"]);
    assert!(fs::read(&page).unwrap() == first, "the page differs");
    assert_eq!(names(&lab.path("run/report/data")).len(), 2);

    lab.ok(&["report", "run", "--no-members"]);
    assert_eq!(names(&lab.path("run/report/data")).len(), 1);
    let said = lab.fails(2, &["report", "run", "--out", "mouse"]);
    assert!(said.contains("something else than a report") && lab.path("mouse/meta").exists(), "{said}");
    assert!(lab.fails(1, &["report", "mouse"]).contains("holds no reconstruction"));
}

#[test]
fn several_runs_are_compared_on_one_page_and_a_run_that_moved_is_read_where_it_is() {
    let lab = lab(2);
    lab.write(
        "other.toml",
        &SMALL.replace("iterations = 3", "iterations = 2").replace("\"run\"", "\"other\""),
    );
    fs::create_dir_all(lab.path("other")).unwrap();
    for part in ["members", "masks"] {
        fs::rename(lab.path(&format!("run/{part}")), lab.path(&format!("other/{part}"))).unwrap();
    }
    lab.ok(&["reconstruct", "other.toml", "--controls", "shuffled-neurons"]);
    let scores: serde_json::Value =
        serde_json::from_str(&lab.ok(&["evaluate", "other.toml", "--json"])).unwrap();
    assert!(lab.fails(2, &["report", "run", "other"]).contains("--out"));
    fs::rename(lab.path("run"), lab.path("moved")).unwrap();
    lab.ok(&["report", "moved", "other", "--out", "compared"]);
    let page = data(&lab.path("compared/index.html"));
    let differences =
        serde_json::json!([["data.trial_count", ["2", "1"]], ["reconstruction.iterations", ["3", "2"]]]);
    assert_eq!(page["differences"], differences);
    // One trial is in both, the other in the first alone, which has no controls.
    let trials = page["mice"][0]["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 2);
    assert_eq!(trials.iter().filter(|trial| trial["scored"][1].is_null()).count(), 1);
    assert!(trials.iter().all(|trial| trial["scored"][0]["control"].is_null()));
    assert!(page["runs"][0]["control_means"].is_null());
    for (name, mean) in scores["mean"].as_object().unwrap() {
        let shown = &page["runs"][1]["means"][name];
        let agree = match (shown.as_f64(), mean.as_f64()) {
            // Four digits are shown.
            (Some(shown), Some(mean)) => (shown - mean).abs() <= 1e-3 * mean.abs(),
            // A score that such small movies don't have.
            (shown, mean) => shown == mean,
        };
        assert!(agree, "{name}: {shown}, {mean}");
    }
    let [shown, of_control] = ["scores", "control"].map(|of| {
        let both = trials.iter().find(|trial| trial["scored"][1].is_object()).unwrap();
        both["scored"][1][of].clone()
    });
    assert_eq!(shown["control_shuffled_neurons"], of_control["pixel_correlation"]);
    let files = names(&lab.path("compared/data"));
    let both = fs::read_to_string(lab.path("compared/data").join(&files[0])).unwrap();
    assert_eq!(both.matches("\"reconstruction\":{").count(), 2, "{files:?}");
}

/// What the script in the page found.
#[derive(Debug, Deserialize)]
struct Found {
    errors: Vec<String>,
    loaded: Vec<String>,
    /// Pictures without a text.
    unnamed: Vec<String>,
    notes: String,
    trials: Vec<FoundTrial>,
    /// Frame and whether it plays, after each key or drag.
    keys: BTreeMap<String, (i64, bool)>,
    /// A column of the table of scores before and after a click on its heading.
    sorted: [Vec<f64>; 2],
    themes: [String; 2],
    backgrounds: [String; 2],
}

#[derive(Debug, Deserialize)]
struct FoundTrial {
    trial: u32,
    first: usize,
    end: usize,
    /// Frames in which something was drawn, by the screen's title.
    drawn: BTreeMap<String, usize>,
    frames: Vec<FoundFrame>,
}

#[derive(Debug, Deserialize)]
struct FoundFrame {
    frame: usize,
    scrubber: usize,
    /// Of every strip, the share of its width.
    cursors: Vec<f64>,
    /// Red, green, blue, alpha of every pixel, by the screen's title.
    screens: BTreeMap<String, Vec<u8>>,
}

/// Runs in the head, before the page: errors are counted from the first on, and pictures are due by the clock,
/// because without a screen none are.
const BEFORE: &str = "<script>const errors = [];
addEventListener('error', (event) => errors.push(String(event.message)));
addEventListener('unhandledrejection', (event) => errors.push(String(event.reason)));
requestAnimationFrame = (draw) => setTimeout(() => draw(performance.now()), 16);</script>";

/// Does what a reader does, and writes down what is on the screen.
const AFTER: &str = include_str!("report_reader.js");

/// Finds a Chromium, or says that the test is skipped.
pub fn chromium() -> Option<PathBuf> {
    let browsers = ["chromium", "chromium-browser", "google-chrome"].map(PathBuf::from);
    let mut browsers = std::env::var_os("V1REEL_CHROMIUM").map(PathBuf::from).into_iter().chain(browsers);
    let works =
        |name: &PathBuf| Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success());
    let found = browsers.find(works);
    if found.is_none() {
        eprintln!("skipped: no Chromium (apt-get install chromium, or V1REEL_CHROMIUM=PATH)");
    }
    found
}

/// Opens the page in a browser and lets a script read it; `None` where there is no browser.
fn read_in_browser(report: &Path) -> Option<(Found, String)> {
    let browser = chromium()?;
    let page = fs::read_to_string(report.join("index.html")).unwrap();
    let page = page.replacen("<head>", &format!("<head>{BEFORE}"), 1);
    let page = page.replacen("</body>", &format!("<script type=\"module\">{AFTER}</script></body>"), 1);
    fs::write(report.join("read.html"), page).unwrap();
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"])
        .args(["--virtual-time-budget=60000", "--window-size=1280,900"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", report.join("read.html").display()))
        .output()
        .unwrap();
    let (page, log) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    // That the test reads pixels often is not the page's doing.
    let told = |line: &&str| line.contains("CONSOLE") && !line.contains("willReadFrequently");
    let console: Vec<&str> = log.lines().filter(told).collect();
    let start =
        page.find("<pre id=\"found\">").unwrap_or_else(|| panic!("the script did not end: {console:?}"));
    let encoded = page[start..].split(['>', '<']).nth(2).unwrap();
    let json = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
    Some((serde_json::from_slice(&json).unwrap(), console.join("\n")))
}

fn levels(movie: ArrayView3<f32>, frame: usize) -> Vec<u8> {
    movie.index_axis(Axis(0), frame).iter().map(|&v| v.clamp(0.0, 255.0).round() as u8).collect()
}

/// Checks one screen against the frame of an HDF5 file.
fn assert_gray(found: &FoundFrame, title: &str, expected: &[u8]) {
    let pixels = &found.screens[title];
    assert_eq!(pixels.len(), 4 * expected.len(), "{title}");
    for (at, (pixel, &level)) in pixels.chunks(4).zip(expected).enumerate() {
        assert_eq!(pixel, [level, level, level, 255], "{title}, frame {}, pixel {at}", found.frame);
    }
}

#[test]
fn in_a_browser_movies_show_the_pixels_of_their_files_and_all_moves_together() {
    let lab = lab(2);
    lab.ok(&["reconstruct", "small.toml", "--controls", "shuffled-neurons"]);
    lab.ok(&["evaluate", "small.toml"]);
    lab.ok(&["report", "run"]);
    let Some((found, console)) = read_in_browser(&lab.path("run/report")) else { return };
    assert!(found.errors.is_empty() && console.is_empty(), "{:?}\n{console}", found.errors);
    let local = |address: &String| address.starts_with("file:") || address.starts_with("data:");
    // Two trials, with the members' movies.
    assert!(found.loaded.len() >= 4 && found.loaded.iter().all(local), "{:?}", found.loaded);
    assert!(found.unnamed.is_empty(), "pictures without a text: {:?}", found.unnamed);
    assert!(found.notes.contains("is simulated"), "{}", found.notes);
    assert_movies(&found, &lab);
    assert_controls(&found);
}

/// Where two movies don't differ: `--even` of the light theme.
const EVEN: [u8; 4] = [239, 238, 234, 255];

/// Checks every screen against its file, and every cursor against the frame.
fn assert_movies(found: &Found, lab: &Lab) {
    let ids: Vec<String> = found.trials.iter().map(|trial| trial.trial.to_string()).collect();
    assert_eq!(ids, trials(lab));
    for trial in &found.trials {
        let of = |top: &str| lab.path(&format!("run/{top}/mouse/{}", trial.trial));
        let result = Reconstruction::read(&of("reconstructions").join("ensemble.h5")).unwrap();
        let control = Reconstruction::read(&of("controls/shuffled_neurons").join("ensemble.h5")).unwrap();
        let member =
            |k: u32| MemberResult::read(&of("reconstructions").join(format!("member_{k}.h5"))).unwrap();
        let (frames, first) = (result.movie.dim().0, result.first_frame);
        assert_eq!((trial.first, trial.end), (first, first + frames));
        assert_eq!(trial.drawn.len(), 7, "{:?}", trial.drawn.keys());
        assert!(
            trial.drawn.values().all(|&drawn| drawn == frames),
            "{frames} frames; drawn {:?}",
            trial.drawn
        );
        for found in &trial.frames {
            let at = found.frame - first;
            assert_gray(found, "Ground truth", &levels(result.ground_truth.view(), at));
            assert_gray(found, "Reconstruction", &levels(result.movie.view(), at));
            assert_gray(found, "Control: shuffled", &levels(control.movie.view(), at));
            for k in [0, 1] {
                // Eight rows of movie in an input of ten.
                let raw = member(k).movie;
                assert_gray(found, &format!("member {k}"), &levels(raw.slice(s![first.., 1..9, ..]), at));
            }
            let difference =
                &result.movie.index_axis(Axis(0), at) - &result.ground_truth.index_axis(Axis(0), at);
            let pixels = found.screens["Difference"].chunks(4);
            for ((pixel, &difference), &scored) in pixels.zip(&difference).zip(&result.mask) {
                if scored == 0 {
                    assert_eq!(pixel, EVEN, "not scored");
                } else if difference.abs() > 20.0 {
                    // Far enough from none that the colours stand out from the paper's tint.
                    assert_eq!(difference > 0.0, pixel[0] > pixel[2], "{difference}: {pixel:?}");
                }
            }
            assert_eq!(found.scrubber, found.frame);
            // Frame r, two of behavior, two of the pupil's center, mean activity, two pictures of neurons.
            assert_eq!(found.cursors.len(), 8);
            let share = (found.frame as f64 + 0.5) / result.responses.ncols() as f64;
            for cursor in &found.cursors {
                // A layout rounds to 1/64 of a pixel, of strips of a few hundred.
                assert!(
                    (cursor - share).abs() < 1e-3,
                    "frame {}: cursor at {cursor}, not {share}",
                    found.frame
                );
            }
        }
    }
}

/// Checks what keys, the scrubber, headings and the choice of theme do.
fn assert_controls(found: &Found) {
    let last = found.trials.last().unwrap();
    let (first, end) = (last.first as i64, last.end as i64);
    let keys = &found.keys;
    assert_eq!(keys["scrubber to first + 10"], (first + 10, false));
    assert_eq!(keys["right"], (first + 11, false));
    assert_eq!(keys["shift right"], (first + 41, false));
    assert_eq!(keys["left"], (first + 40, false));
    assert_eq!(keys["end"], (end - 1, false));
    assert_eq!(keys["right at the end"], (end - 1, false));
    assert!(keys["space"].1, "space plays");
    let (before, after) = (keys["space"], keys["a while later"]);
    assert!(after.1 && after.0 != before.0, "it moves: {before:?}, {after:?}");
    assert!(!keys["space again"].1, "space stops");
    assert_eq!(keys["middle of a strip"], (45, false), "of 90 frames");
    let [before, after] = &found.sorted;
    let mut expected = before.clone();
    expected.sort_by(|a, b| b.total_cmp(a));
    assert_eq!(after, &expected, "a click sorts, the best first");
    assert_ne!(found.themes[0], found.themes[1]);
    assert_ne!(found.backgrounds[0], found.backgrounds[1]);
}
