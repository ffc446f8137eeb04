//! How many clips a second does the training loader read from a recording, as a folder of `.npy` files and as one
//! HDF5 file, and how much memory does that take? Against the published way: numpy loads whole arrays of a trial
//! for each clip, in one process and in one for each core.
//!
//! The published way ends with the encoder's input written out: behavior fills whole frames, and padding is there.
//! Ours hands clips over as small as they were recorded, and training writes the input out where it needs it, on its
//! own thread. Both are measured: `handed over`, and `written out`, which is the published way's work.
//!
//! Cold: the system was told to forget the files, which only root may; a round is then a few clips, mostly of
//! different trials. Warm: the files are in memory.

mod mice;

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use v1reel::data::batch::{Loader, LoaderConfig, TrainingMouse};
use v1reel::data::{ClipConfig, ClipInput, Geometry, Mouse, Padding, TrialId};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// First argument of the process that does our part: memory is measured in it.
const OURS_FLAG: &str = "--ours";
/// Names the Python whose numpy is the peer.
const PEER_PYTHON: &str = "V1REEL_PEER_PYTHON";

const WARM_CLIPS: usize = 256;
const COLD_CLIPS: usize = 24;
const ROUNDS: usize = 5;
/// Clips of the long recording whose memory is watched.
const STREAMED_CLIPS: usize = 2048;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == OURS_FLAG) {
        let path = Path::new(&arguments[at + 1]);
        println!("{}", if arguments[at + 2] == "stream" { stream(path) } else { load(path) });
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mice = mice::write(folder.path());
    // The system forgets only what is on the disk.
    let _ = Command::new("sync").status();
    println!(
        "\nloader: milliseconds a clip of {} neurons, of trials of {} frames",
        mice::NEURONS,
        mice::FRAMES
    );
    println!("{:<28} {:>8} {:>8}", "", "warm", "cold");
    let peers = Peers::start(&mice);
    let mut lines = Vec::new();
    for (name, path) in
        [("npy tree", &mice.tree), ("hdf5", &mice.plain), ("hdf5 compressed", &mice.compressed)]
    {
        let ours = in_own_process(path, "load");
        let seconds = |of: &str| ours[of].as_f64();
        row(&format!("{name}, handed over"), seconds("warm"), seconds("cold"));
        row(&format!("{name}, written out"), seconds("warm_written"), seconds("cold_written"));
        lines.push(json!({
            "bench": "loader", "size": name, "ours_s": seconds("warm_written"),
            "ours_cold_s": seconds("cold_written"), "ours_handed_over_s": seconds("warm"),
            "ours_handed_over_cold_s": seconds("cold"),
            "published_s": peers.one[0], "published_cold_s": peers.one[1],
            "published_each_core_s": peers.each_core[0], "published_each_core_cold_s": peers.each_core[1],
            "best_pytorch_s": null, "ratio_best": null,
            "ratio_published": ratio(peers.one[0], seconds("warm_written")),
            "ratio_published_handed_over": ratio(peers.one[0], seconds("warm")),
            "ratio_published_cold": ratio(peers.one[1], seconds("cold_written")),
            "ratio_published_each_core": ratio(peers.each_core[0], seconds("warm_written")),
        }));
    }
    println!(
        "\nMemory, MB, while {STREAMED_CLIPS} clips are read of a recording of {} trials ({:.0} GB as .npy files)",
        mice::LONG_TRIALS,
        mice::long_gigabytes()
    );
    println!("{:<28} {:>10} {:>10} {:>10}", "", "anonymous", "of files", "peak of both");
    for (name, path) in [("npy tree", &mice.long_tree), ("hdf5", &mice.long_plain)] {
        let memory = in_own_process(path, "stream");
        let mb = |of: &str| memory[of].as_f64().expect("a number");
        println!("{name:<28} {:>10.0} {:>10.0} {:>10.0}", mb("anonymous"), mb("of_files"), mb("peak"));
        lines
            .push(json!({"bench": "loader", "size": format!("{name}, streaming"), "peak_rss_mb": mb("peak"),
                          "anonymous_mb": mb("anonymous"), "of_files_mb": mb("of_files")}));
    }
    lines.iter().for_each(|line| println!("{line}"));
}

fn row(name: &str, warm: Option<f64>, cold: Option<f64>) {
    let cell = |seconds: Option<f64>| seconds.map_or_else(|| "-".into(), |s| format!("{:.3}", s * 1e3));
    println!("{name:<28} {:>8} {:>8}", cell(warm), cell(cold));
}

fn ratio(theirs: Option<f64>, ours: Option<f64>) -> Option<f64> {
    Some(theirs? / ours?)
}

/// Seconds a clip, warm and cold; none without a Python, or without the right to empty the page cache.
#[derive(Default)]
struct Peers {
    one: [Option<f64>; 2],
    each_core: [Option<f64>; 2],
}

impl Peers {
    fn start(mice: &mice::Mice) -> Self {
        let tree = &mice.tree;
        let Some(python) = std::env::var_os(PEER_PYTHON) else {
            println!("(the published way: not measured; {PEER_PYTHON} names no Python with numpy)");
            return Self::default();
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer_loader.py");
        let run = |options: &[String]| {
            let output = Command::new(&python).arg(&script).arg(tree).args(options).output();
            let output = output.expect("the peer runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("text")
        };
        let saved = tree.with_file_name("published").display().to_string();
        run(&["--save".into(), saved]);
        [tree, &mice.plain, &mice.compressed].into_iter().for_each(|ours| compare(tree, ours));
        let seconds = |processes: usize, clips: usize, cold: bool| {
            let share = clips / processes * processes;
            let mut options = [("--clips", share), ("--rounds", ROUNDS), ("--processes", processes)]
                .iter()
                .flat_map(|(name, value)| [(*name).to_string(), value.to_string()])
                .collect::<Vec<_>>();
            options.extend(cold.then(|| "--cold".to_string()));
            let text = run(&options);
            let rounds = text.lines().map(|line| line.parse::<f64>().expect("seconds"));
            rounds.fold(f64::INFINITY, f64::min) / share as f64
        };
        let measure = |name: &str, processes: usize| {
            seconds(processes, WARM_CLIPS, false);
            let warm = Some(seconds(processes, WARM_CLIPS, false));
            let cold = may_forget().then(|| seconds(processes, COLD_CLIPS, true));
            row(name, warm, cold);
            [warm, cold]
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let one = measure("published, one process", 1);
        Self { one, each_core: measure(&format!("published, {cores} processes"), cores) }
    }
}

/// Panics unless the published way ends with the arrays that ours ends with.
fn compare(tree: &Path, ours: &Path) {
    let mouse = Mouse::open(ours).expect("the mouse");
    let trial = mouse.read_frames(TrialId(3), ClipConfig::default().frames(10)).expect("a clip");
    let geometry = Geometry::new(mouse.frame_size, [64, 64], Padding::Center).expect("it fits");
    let clip = ClipInput::new(geometry, trial.movie, trial.behavior.view(), trial.pupil_center.view());
    let mut input = Vec::new();
    clip.append_to(&mut input);
    for (name, ours) in [("input", input), ("responses", trial.responses.into_raw_vec_and_offset().0)] {
        let bytes = std::fs::read(tree.with_file_name(format!("published_{name}.npy"))).expect("the clip");
        let theirs: Vec<f32> =
            npyz::NpyFile::new(&bytes[..]).expect("an array").into_vec().expect("floats of 32 bits");
        assert!(ours == theirs, "{name}: the published way gives other arrays; nothing is timed");
    }
}

/// Whether the system forgets files when we ask.
fn may_forget() -> bool {
    std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

fn in_own_process(path: &Path, what: &str) -> Value {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program).arg(OURS_FLAG).arg(path).arg(what).output().expect("it runs again");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn loader(path: &Path, clips: usize) -> Loader {
    let mouse = Mouse::open(path).expect("the mouse");
    let trials: Vec<TrialId> = mouse.trials.iter().map(|trial| trial.id).collect();
    let config = LoaderConfig {
        clip: ClipConfig::default(),
        input_size: [64, 64],
        batch_size: 8,
        epoch_samples: clips,
        cutmix_probability: 0.0,
        seed: "bench".into(),
        member: 0,
    };
    Loader::new(vec![TrainingMouse { mouse, trials }], config).expect("a loader")
}

/// Reads an epoch as training does, and does nothing with it; returns the seconds.
fn epoch(loader: &Loader, number: usize, clips: usize, write_out: bool) -> f64 {
    let start = Instant::now();
    let mut found = 0;
    for batch in loader.epoch(number) {
        let batch = batch.expect("a batch");
        found += batch.mouse.len();
        if write_out {
            black_box(batch.input_values());
        }
        loader.recycle(batch);
    }
    assert_eq!(found, clips);
    start.elapsed().as_secs_f64()
}

/// Seconds a clip, the fastest round.
fn load(path: &Path) -> Value {
    let fastest = |clips: usize, write_out: bool, before: fn()| {
        let loader = loader(path, clips);
        // Once for the memory that is used again from then on.
        epoch(&loader, 0, clips, write_out);
        let rounds = (1..=ROUNDS).map(|round| {
            before();
            epoch(&loader, round, clips, write_out)
        });
        rounds.fold(f64::INFINITY, f64::min) / clips as f64
    };
    let cold = |write_out| may_forget().then(|| fastest(COLD_CLIPS, write_out, || assert!(may_forget())));
    let warm = |write_out| fastest(WARM_CLIPS, write_out, || ());
    let (cold, cold_written) = (cold(false), cold(true));
    json!({"warm": warm(false), "warm_written": warm(true), "cold": cold, "cold_written": cold_written})
}

/// Reads a long recording; returns the most memory that was seen, in MB.
fn stream(path: &Path) -> Value {
    let done = AtomicBool::new(false);
    let (anonymous, of_files) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = (0.0f64, 0.0f64);
            while !done.load(Ordering::Relaxed) {
                most = (most.0.max(status_mb("RssAnon:")), most.1.max(status_mb("RssFile:")));
                thread::sleep(Duration::from_millis(1));
            }
            most
        });
        epoch(&loader(path, STREAMED_CLIPS), 0, STREAMED_CLIPS, true);
        done.store(true, Ordering::Relaxed);
        watch.join().expect("it only reads")
    });
    json!({"anonymous": anonymous, "of_files": of_files, "peak": status_mb("VmHWM:")})
}

fn status_mb(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}
