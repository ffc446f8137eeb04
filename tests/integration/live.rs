//! The live view: it shows the movies that are kept, to those who have its address and to nobody else, and a run that is
//! watched ends with the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use base64::Engine;
use flate2::read::ZlibDecoder;
use ndarray::Axis;
use serde::Deserialize;
use serde_json::Value;
use v1reel::data::input::{Geometry, Padding};
use v1reel::experiment::Experiment;
use v1reel::reconstruct::Reconstruction;
use v1reel::reconstruct::postprocess::finish;
use v1reel::reconstruct::result::MemberResult;

use super::report::chromium;
use super::support::what_counts;
use super::whole_way::{Lab, SMALL};

/// Iterations that are over soon.
const FEW: usize = 12;
/// Iterations that take longer than a browser needs to start.
const MANY: usize = 200;

/// A lab with members and mask, and so many iterations to make of each of two trials.
fn lab(iterations: usize) -> Lab {
    let lab = Lab::new("neurons = 12\n");
    let text = SMALL.replace("trial_count = 1", "trial_count = 2");
    lab.write("small.toml", &text.replace("iterations = 3", &format!("iterations = {iterations}")));
    for stage in ["train", "mask"] {
        lab.ok(&[stage, "small.toml"]);
    }
    lab
}

/// A run that is being watched.
struct Watched {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// Like `http://127.0.0.1:4000/TOKEN/`.
    url: String,
    /// What it said before it gave the address.
    before: String,
}

impl Watched {
    fn start(lab: &Lab) -> Self {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("v1reel"))
            .args(["reconstruct", "small.toml", "--live", "--preview"])
            .current_dir(lab.path("."))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (mut line, mut before) = (String::new(), String::new());
        while !line.starts_with("Watch it at ") {
            before += &line;
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "no address: {before}");
        }
        let url = line.trim_end().rsplit(' ').next().unwrap().to_string();
        Self { child, stderr, url, before }
    }

    /// `127.0.0.1:PORT`
    fn host(&self) -> &str {
        self.url.split('/').nth(2).unwrap()
    }

    fn token(&self) -> &str {
        self.url.split('/').nth(3).unwrap()
    }

    /// Asks; returns status and body.
    fn request(&self, method: &str, host: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.host()).unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.request("GET", self.host(), &format!("/{}/{path}", self.token()))
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Waits for the end; returns what it wrote to standard error.
    fn end(mut self) -> String {
        let mut said = self.before;
        self.stderr.read_to_string(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success(), "{said}");
        said
    }
}

/// Grey levels of a packed movie, as the page unpacks them.
fn unpacked(packed: &Value, frame: usize) -> Vec<u8> {
    let text = base64::engine::general_purpose::STANDARD.decode(packed["data"].as_str().unwrap()).unwrap();
    let mut levels = Vec::new();
    ZlibDecoder::new(&text[..]).read_to_end(&mut levels).unwrap();
    for at in frame..levels.len() {
        levels[at] = levels[at].wrapping_add(levels[at - frame]);
    }
    levels
}

fn levels<'a>(movie: impl IntoIterator<Item = &'a f32>) -> Vec<u8> {
    movie.into_iter().map(|&v| v.clamp(0.0, 255.0).round() as u8).collect()
}

/// Everything in a folder, by path, with contents.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((path.display().to_string(), what_counts(&path)));
        }
    }
    found.sort();
    found
}

#[test]
fn a_watched_run_shows_the_movies_that_it_keeps_and_keeps_the_same_bytes() {
    let lab = lab(FEW);
    lab.ok(&["reconstruct", "small.toml"]);
    let results = lab.path("run/reconstructions");
    let unwatched = contents(&results);
    fs::remove_dir_all(&results).unwrap();

    let watched = Watched::start(&lab);
    let mut seen = Vec::new();
    let state = loop {
        if let (200, text) = watched.get("movie/0") {
            let movie: Value = serde_json::from_str(&text).unwrap();
            seen.push(movie["look"].as_u64().unwrap());
        }
        let state = watched.json("state");
        let done = state["done"].as_array().unwrap();
        if state["phase"][0] == "done" && done.iter().all(|trial| trial["ready"] == true) {
            break state;
        }
        sleep(Duration::from_millis(20));
    };
    assert!(!seen.is_empty() && seen.is_sorted(), "{seen:?}");
    assert_eq!(
        (&state["name"], &state["planned"], &state["done_count"]),
        (&"small".into(), &2.into(), &2.into())
    );
    for done in state["done"].as_array().unwrap() {
        let shown = watched.json(&format!("done/{}", done["id"]));
        let kept =
            Reconstruction::read(&results.join(format!("mouse/{}/ensemble.h5", done["trial"]))).unwrap();
        let frame = kept.mask.len();
        assert_eq!(unpacked(&shown["truth"], frame), levels(&kept.ground_truth));
        assert_eq!(unpacked(&shown["runs"][0]["reconstruction"], frame), levels(&kept.movie));
    }
    assert_forming(&lab, &watched);
    let (token, said) = (watched.token().to_string(), watched.end());
    assert!(said.contains("ssh -L ") && said.contains("--preview draws on a terminal"), "{said}");
    // The log is for everybody who may read the run.
    assert!(!fs::read_to_string(lab.path("run/log.jsonl")).unwrap().contains(&token));
    assert!(contents(&results) == unwatched, "a watched run differs");
}

/// Checks the last movie that was seen in work against the raw movie that was kept of it.
fn assert_forming(lab: &Lab, watched: &Watched) {
    let movie = watched.json("movie/0");
    let scene = watched.json(&format!("scene/{}", movie["scene"]));
    assert_eq!(movie["step"], FEW, "who was watched is shown to the end");
    assert_eq!(movie["losses"].as_array().unwrap().len(), FEW);
    let path = format!("run/reconstructions/mouse/{}/member_{}.h5", scene["trial"], scene["movie"]);
    let raw = MemberResult::read(&lab.path(&path)).unwrap();
    let losses: Vec<f64> = movie["losses"].as_array().unwrap().iter().map(|l| l.as_f64().unwrap()).collect();
    for (shown, kept) in losses.iter().zip(&raw.losses) {
        // Four digits are shown.
        assert!((shown - kept).abs() <= 1e-3 * kept.abs(), "{shown}, {kept}");
    }
    let config = Experiment::load(&lab.path("run/experiment.toml"), &[]).unwrap().reconstruction;
    let geometry = Geometry::new([8, 12], [10, 12], Padding::Center).unwrap();
    let result = lab.path(&format!("run/reconstructions/mouse/{}/ensemble.h5", scene["trial"]));
    let scored = Reconstruction::read(&result).unwrap().scored();
    let expected = finish(&[raw.movie.view()], geometry, &scored, &config);
    assert_eq!(unpacked(&movie["reconstruction"], 8 * 12), levels(&expected));
}

#[test]
fn the_live_view_refuses_everybody_else() {
    let lab = lab(FEW);
    let watched = Watched::start(&lab);
    let (host, path) = (watched.host().to_string(), format!("/{}/", watched.token()));
    let status = |method: &str, host: &str, path: &str| watched.request(method, host, path).0;
    let (ok, page) = watched.get("");
    assert!(ok == 200 && page.contains("<title>v1reel live</title>"), "{page}");
    assert_eq!(status("GET", &host, "/"), 404);
    assert_eq!(status("GET", &host, &format!("/{}/", "0".repeat(32))), 404);
    assert_eq!(status("GET", &host, &format!("{path}%2e%2e/%2e%2e/etc/passwd")), 404);
    assert_eq!(status("GET", "evil.example", &path), 403);
    assert_eq!(status("POST", &host, &path), 405);
    assert!(host.starts_with("127.0.0.1:"), "{host}");
    while watched.json("state")["phase"][0] != "done" {
        sleep(Duration::from_millis(20));
    }
    watched.end();
    assert!(TcpStream::connect(host).is_err(), "it ends with the run");
}

#[test]
fn a_taken_port_is_said_before_any_work() {
    let lab = Lab::new("neurons = 12\n");
    lab.ok(&["train", "small.toml"]);
    lab.ok(&["mask", "small.toml"]);
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = lab.fails(2, &["reconstruct", "small.toml", &format!("--live={port}")]);
    assert!(said.contains(&port.to_string()) && !lab.path("run/reconstructions").exists(), "{said}");
}

/// What the script saw.
#[derive(Debug, Deserialize)]
struct Seen {
    errors: Vec<String>,
    /// Frame of the trial that was shown, from look to look.
    frames: Vec<i64>,
    /// Iteration of the movie that was shown.
    steps: Vec<i64>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    canvases: usize,
    trials: Vec<SeenTrial>,
}

#[derive(Debug, Deserialize)]
struct SeenTrial {
    trial: u32,
    first: usize,
    /// Grey levels five frames after the first, by the screen's title.
    screens: BTreeMap<String, Vec<u8>>,
}

#[test]
fn in_a_browser_the_movie_forms_and_moves_and_the_page_outlives_the_run() {
    let Some(browser) = chromium() else { return };
    if !Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no node (apt-get install nodejs)");
        return;
    }
    let lab = lab(MANY);
    let watched = Watched::start(&lab);
    let profile = tempfile::tempdir().unwrap();
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/live_reader.js");
    let (url, profile) = (watched.url.clone(), profile.path());
    let output = Command::new("node").arg(reader).arg(browser).arg(url).arg(profile).output().unwrap();
    watched.end();
    let seen: Seen = serde_json::from_slice(&output.stdout).unwrap();
    assert!(seen.errors.is_empty(), "{:?}", seen.errors);
    let kinds = |values: &[i64]| values.iter().filter(|&&value| value >= 0).collect::<BTreeSet<_>>().len();
    assert!(kinds(&seen.frames) > 3, "it moves: {:?}", seen.frames);
    assert!(kinds(&seen.steps) > 1, "it forms: {:?}", seen.steps);
    assert_eq!(seen.status, "The run is done: 2 of 2 reconstructions done. This page keeps what it shows.");
    assert_eq!((seen.canvases, seen.trials.len()), (4, 2));
    for found in &seen.trials {
        let path = lab.path(&format!("run/reconstructions/mouse/{}/ensemble.h5", found.trial));
        let kept = Reconstruction::read(&path).unwrap();
        assert_eq!(found.first, kept.first_frame);
        assert_eq!(found.screens["Ground truth"], levels(kept.ground_truth.index_axis(Axis(0), 5)));
        assert_eq!(found.screens["Reconstruction"], levels(kept.movie.index_axis(Axis(0), 5)));
    }
}
