//! What the benches share: workers that take turns, answers that must agree, tables, JSON lines.
//!
//! Ours runs in a process of its own like its peers, so that each has its own peak memory; a worker does the
//! work once for each line on its stdin and answers with seconds and peak memory.
//!
//! `--size NAME`, `--rounds N` and `--ways A,B` choose what is measured; `--device tch:0` measures on a GPU, where
//! PyTorch is also timed in reduced precision.

#![allow(dead_code)] // No bench uses all of it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use burn::tensor::Device;
use rand::Rng;
use serde_json::{Value, json};
use v1reel::data::format::npy_array::write_numbers;
use v1reel::device::DeviceChoice;
use v1reel::model::checkpoint::Checkpoint;
use v1reel::model::{ModelConfig, Runtime, init};
use v1reel::seed;

/// First argument of the process that does our part.
const OURS_FLAG: &str = "--ours";
/// Our name among the workers.
const OURS: &str = "ours";
/// Names the Python whose PyTorch is the peer.
const PEER_PYTHON: &str = "V1REEL_PEER_PYTHON";

/// One size to measure.
#[derive(Debug, Clone)]
pub struct Size {
    /// As in `--size`.
    pub name: &'static str,
    /// The encoder.
    pub config: ModelConfig,
    /// Time, height, width of a clip.
    pub clip: [usize; 3],
    /// Clips of one run.
    pub clips: usize,
    /// Clips that the peers run at once.
    pub peer_batch: usize,
    /// How often each is timed.
    pub rounds: usize,
    /// Divides the seconds, to give them for one clip or for the whole.
    pub per: usize,
    /// Whether it is measured only when asked for.
    pub long: bool,
    /// Whether two of the processes do not fit into memory: each is started anew for its turn.
    pub alone: bool,
}

/// The paper's encoder, with one readout of 8,000 neurons.
pub fn paper() -> ModelConfig {
    ModelConfig { readout_outputs: vec![8000], ..ModelConfig::default() }
}

/// The demo's encoder, of 12 x 20 pixels and 500 neurons.
pub fn demo() -> ModelConfig {
    ModelConfig {
        readout_outputs: vec![500],
        core_features: vec![16, 32, 64],
        spatial_strides: vec![2, 1, 1],
        expansion_ratio: 3,
        se_reduce_ratio: 8,
        cortex_features: vec![256],
        ..ModelConfig::default()
    }
}

/// Runs a bench: `ours` does our part once in `folder`'s process; `ways` are the peer's.
pub fn main(
    bench: &str,
    sizes: &[Size],
    ways: &[&str],
    ours: impl Fn(&Path, bool) -> Box<dyn FnMut() -> Answer>,
) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|a| a == OURS_FLAG) {
        let keep = arguments.iter().any(|a| a == "--check");
        return serve(ours(Path::new(&arguments[at + 1]), keep));
    }
    let chosen = argument("--size");
    let rounds = argument("--rounds").map(|n| n.parse().expect("--rounds takes a number"));
    let mut ways: Vec<String> = ways.iter().map(|way| (*way).to_string()).collect();
    if on_gpu() {
        let reduced = ["tf32", "bf16"].map(|precision| format!("{} {precision}", ways[ways.len() - 1]));
        ways.extend(reduced);
    }
    if let Some(named) = argument("--ways") {
        ways = named.split(',').map(String::from).collect();
    }
    println!("\n{bench}: {}", machine());
    let mut lines = Vec::new();
    for size in sizes.iter().filter(|size| match &chosen {
        Some(name) => name == size.name,
        None => !size.long,
    }) {
        lines.push(measure(bench, size, rounds.unwrap_or(size.rounds), &ways));
    }
    for line in lines {
        println!("{line}");
    }
}

/// What a run gave: responses and gradients, to be compared; empty when there are none.
#[derive(Debug, Default)]
pub struct Answer {
    /// `[clip, neuron, time]`, or a loss.
    pub outputs: Vec<f32>,
    /// To the movie, `[clip, time, height, width]`.
    pub gradient: Vec<f32>,
}

/// Measures one size, everybody in turn, and prints a table; returns the JSON line.
fn measure(bench: &str, size: &Size, rounds: usize, ways: &[String]) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_inputs(size, folder.path());
    let python = std::env::var_os(PEER_PYTHON);
    let mut workers = vec![Worker::ours(folder.path())];
    for way in ways.iter().filter(|_| python.is_some()) {
        let mut command = Command::new(python.as_ref().expect("there is a peer"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer_pytorch.py");
        command.arg(script).arg(folder.path()).args(["--bench", bench, "--way", way]);
        command.args(["--batch", &size.peer_batch.to_string()]);
        command.args(["--threads", &rayon::current_num_threads().to_string()]);
        command.args(["--device", if on_gpu() { "cuda" } else { "cpu" }]);
        workers.push(Worker { name: way.clone(), command, process: None, peak_rss_mb: 0.0 });
    }
    let mut seconds = vec![Vec::new(); workers.len()];
    for round in 0..rounds {
        for (worker, seconds) in workers.iter_mut().zip(&mut seconds) {
            if worker.process.is_none() && (round == 0 || size.alone) {
                // The first run of a process is not timed.
                if let Err(error) = worker.ask("check") {
                    println!("{} at {}: {error}", worker.name, size.name);
                }
            }
            if worker.process.is_some() {
                if round == 0 && worker.name != OURS {
                    compare(folder.path(), &worker.name, size);
                }
                let whole = worker.ask("run").unwrap_or_else(|error| panic!("{}: {error}", worker.name));
                seconds.push(whole / size.per as f64);
            }
            if size.alone {
                worker.process = None;
            }
        }
    }
    let (workers, seconds): (Vec<_>, Vec<_>) =
        workers.into_iter().zip(seconds).filter(|(_, seconds)| !seconds.is_empty()).unzip();
    table(bench, size, &workers, &seconds, rounds);
    let median = |way: &str| workers.iter().position(|w| w.name == way).map(|at| middle(&seconds[at]));
    let (ours, published) = (median(OURS), median("published"));
    let best = median("best").into_iter().chain(median("compiled")).reduce(f64::min);
    let ratio = |peer: Option<f64>| peer.zip(ours).map(|(peer, ours)| peer / ours);
    json!({
        "bench": bench,
        "size": size.name,
        "ours_s": ours,
        "published_s": published,
        "best_pytorch_s": best,
        "ratio_published": ratio(published),
        "ratio_best": ratio(best),
    })
}

fn table(bench: &str, size: &Size, workers: &[Worker], seconds: &[Vec<f64>], rounds: usize) {
    let of = if size.per > 1 { ", for one clip" } else { "" };
    // Forward; to the input; to the weights.
    let passes = match bench {
        "prediction" => 1.0,
        "movie_gradient" => 2.0,
        _ => 3.0,
    };
    let work = passes * (size.clips / size.per) as f64 * products_gflop(size);
    println!("\n{} ({} clips{of}; {rounds} rounds in turn)", size.name, size.clips);
    println!(
        "{:<14} {:>10} {:>10} {:>10} {:>10} {:>14}",
        "", "median s", "least s", "most s", "GFLOP/s", "peak memory MB"
    );
    for (worker, seconds) in workers.iter().zip(seconds) {
        let least = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = seconds.iter().copied().fold(0.0, f64::max);
        let middle = middle(seconds);
        println!(
            "{:<14} {middle:>10.4} {least:>10.4} {most:>10.4} {:>10.0} {:>14.0}",
            worker.name,
            work / middle,
            worker.peak_rss_mb
        );
    }
}

/// Floating-point operations, in 10^9, of a clip's pointwise products in the core, forward: of what a clip
/// costs, the part that no encoder can leave out.
fn products_gflop(size: &Size) -> f64 {
    let ModelConfig { core_features: widths, spatial_strides: strides, expansion_ratio, .. } = &size.config;
    let [time, mut height, mut width] = size.clip;
    let mut sum = 0;
    for (index, (&features, &stride)) in widths.iter().zip(strides).enumerate() {
        let inner = features * expansion_ratio;
        sum += time * height * width * features * inner;
        (height, width) = (height.div_ceil(stride), width.div_ceil(stride));
        sum += time * height * width * inner * widths.get(index + 1).unwrap_or(&features);
    }
    2e-9 * sum as f64
}

fn middle(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

/// Processor, threads and version.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        info.lines()
            .find(|l| l.starts_with(name))
            .and_then(|l| l.split(": ").nth(1))
            .unwrap_or("?")
            .to_string()
    };
    format!(
        "{}, {} threads, v1reel {}",
        field("model name"),
        rayon::current_num_threads(),
        env!("CARGO_PKG_VERSION")
    )
}

/// Makes an encoder: random, from a seed by name, batch norms as if it had been trained. With norms as they
/// start, signals leave the range of numbers that processors are fast at.
pub fn encoder(config: &ModelConfig, name: &str) -> Checkpoint {
    let mut checkpoint = init::initialize(config, "bench", name).expect("valid sizes");
    let mut rng = seed::stream("bench", "norms", &[name]);
    for (name, tensor) in &mut checkpoint.tensors {
        for value in &mut tensor.values {
            match name.rsplit('.').next() {
                Some("gamma" | "running_var") => *value = rng.random_range(0.5..1.5),
                Some("beta" | "running_mean") => *value = rng.random_range(-0.3..0.3),
                _ => {}
            }
        }
    }
    see_pixels(&mut checkpoint);
    checkpoint
}

/// Writes an encoder and clips for it.
fn write_inputs(size: &Size, folder: &Path) {
    let checkpoint = encoder(&size.config, size.name);
    checkpoint.write(&folder.join("model.safetensors")).expect("a checkpoint");
    let mut rng = seed::stream("bench", "inputs", &[size.name]);
    let [time, height, width] = size.clip;
    let channels = size.config.in_channels;
    let mut values = Vec::new();
    for _ in 0..size.clips {
        values.extend((0..time * height * width).map(|_| rng.random_range(0.0..255.0)));
        for _ in 1..channels {
            for _ in 0..time {
                values.extend(std::iter::repeat_n(rng.random_range(0.0..5.0), height * width));
            }
        }
    }
    let shape = [size.clips, channels, time, height, width];
    write_numbers(&folder.join("input.npy"), &shape, values).expect("inputs");
    let neurons = size.config.readout_outputs[0];
    let target = (0..size.clips * neurons * time).map(|_| rng.random_range(0.0..3.0f32).powi(3));
    write_numbers(&folder.join("target.npy"), &[size.clips, neurons, time], target).expect("targets");
}

/// Gives the stem's batch norm the statistics of what it will see, as training would: otherwise pixels of 0 to
/// 255 drive everything behind it to where rounding decides.
fn see_pixels(checkpoint: &mut Checkpoint) {
    let channels = checkpoint.config.in_channels;
    let weights = checkpoint.tensors["core.stem.conv.weight"].values.clone();
    // Uniform in 0..255, and in 0..5.
    let moments = |i: usize| if i == 0 { (127.5, 255.0 * 255.0 / 12.0) } else { (2.5, 25.0 / 12.0) };
    let sum = |row: &[f32], of: &dyn Fn(f32, (f32, f32)) -> f32| {
        row.iter().enumerate().map(|(i, &w)| of(w, moments(i))).sum::<f32>()
    };
    let mut set = |field: &str, of: &dyn Fn(f32, (f32, f32)) -> f32| {
        let name = format!("core.stem.norm.{field}");
        let values = weights.chunks(channels).map(|row| sum(row, of)).collect();
        checkpoint.tensors.get_mut(&name).expect("a stem").values = values;
    };
    set("running_mean", &|w, (mean, _)| w * mean);
    set("running_var", &|w, (_, variance)| w * w * variance);
}

/// Reads an array that a worker wrote.
pub fn read(path: &Path) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = npyz::NpyFile::new(&bytes[..]).expect("an array");
    let shape = file.shape().iter().map(|&n| n as usize).collect();
    (shape, file.into_vec().expect("numbers of 32 bits"))
}

/// The checkpoint of this measurement.
pub fn checkpoint(folder: &Path) -> Checkpoint {
    Checkpoint::read(&folder.join("model.safetensors")).expect("the checkpoint that was just written")
}

/// The value that follows `name` on the command line.
pub fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|a| a != name).nth(1)
}

/// Where our encoders run.
pub fn device() -> Device {
    let name = argument("--device").unwrap_or_else(|| "cpu".into());
    let choice: DeviceChoice = name.parse().unwrap_or_else(|e| panic!("{e}"));
    choice.open().unwrap_or_else(|e| panic!("{e}"))
}

/// Whether the peers run on a GPU too.
fn on_gpu() -> bool {
    argument("--device").is_some_and(|name| name.contains(':'))
}

/// Our encoders' surroundings: as the program's by default.
pub fn runtime() -> Runtime {
    Runtime::new(device(), 2_000_000_000)
}

/// Panics unless a peer computed what we did: a faster way to something else is no peer.
fn compare(folder: &Path, way: &str, size: &Size) {
    // What reduced precision leaves of 7 digits.
    let slack = if way.ends_with("bf16") {
        300.0
    } else if way.ends_with("tf32") {
        30.0
    } else {
        1.0
    };
    let (_, ours) = read(&folder.join("ours_outputs.npy"));
    let (_, theirs) = read(&folder.join(format!("{way}_outputs.npy")));
    assert_agree(&format!("outputs, {way}"), &ours, &theirs, slack * 1e-4);
    let path = folder.join(format!("{way}_gradients.npy"));
    if path.exists() {
        let (_, ours) = read(&folder.join("ours_gradients.npy"));
        let (_, theirs) = read(&path);
        let (channels, frames) = (size.config.in_channels, size.clip.iter().product::<usize>());
        let movie: Vec<f32> =
            theirs.chunks(channels * frames).flat_map(|clip| clip[..frames].to_vec()).collect();
        assert_agree(&format!("gradient, {way}"), &ours, &movie, slack * 1e-3);
    }
}

fn assert_agree(what: &str, a: &[f32], b: &[f32], tolerance: f64) {
    assert_eq!(a.len(), b.len(), "{what}");
    let norm: f64 = b.iter().map(|&v| f64::from(v).powi(2)).sum();
    let difference: f64 = a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    let error = (difference / norm).sqrt();
    assert!(error < tolerance, "{what}: ours differs by {error} of the norm; nothing is timed");
}

/// Does the work when asked, in a process of its own.
struct Worker {
    name: String,
    command: Command,
    process: Option<Process>,
    peak_rss_mb: f64,
}

impl Worker {
    fn ours(folder: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.arg(OURS_FLAG).arg(folder);
        if let Some(device) = argument("--device") {
            command.args(["--device", &device]);
        }
        Self { name: OURS.to_string(), command, process: None, peak_rss_mb: 0.0 }
    }

    /// Has the work done once; returns the seconds it took, or what kept it from that: it may not fit in memory.
    fn ask(&mut self, what: &str) -> Result<f64, String> {
        let process = self.process.get_or_insert_with(|| Process::start(&mut self.command));
        let line = process.ask(what);
        let answer: Value =
            serde_json::from_str(&line).unwrap_or_else(|e| panic!("{} answered {line:?}: {e}", self.name));
        if let Some(error) = answer["error"].as_str() {
            self.process = None;
            return Err(error.to_string());
        }
        self.peak_rss_mb = answer["peak_rss_mb"].as_f64().expect("a number");
        Ok(answer["seconds"].as_f64().expect("a number"))
    }
}

/// A process that answers a line with a line.
struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?} can't be started: {e}"));
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut hello = String::new();
        stdout.read_line(&mut hello).expect("a worker says hello");
        Self { child, stdin, stdout }
    }

    fn ask(&mut self, what: &str) -> String {
        let stdin = self.stdin.as_mut().expect("open until dropped");
        writeln!(stdin, "{what}").and_then(|()| stdin.flush()).expect("a worker that listens");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a worker that answers");
        line
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stdin.take();
        let _ = self.child.wait();
    }
}

/// Our side of the conversation.
fn serve(mut run: Box<dyn FnMut() -> Answer>) {
    let folder = PathBuf::from(std::env::args().nth(2).expect("the folder"));
    println!("{{}}");
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        let start = Instant::now();
        let answer = run();
        let seconds = start.elapsed().as_secs_f64();
        if line == "check" {
            let save = |name: &str, values: Vec<f32>| {
                write_numbers(&folder.join(name), &[values.len()], values).expect("an answer");
            };
            save("ours_outputs.npy", answer.outputs);
            save("ours_gradients.npy", answer.gradient);
        }
        println!("{}", json!({"seconds": seconds, "peak_rss_mb": peak_rss_mb()}));
    }
}

/// Most memory that this process ever had resident, in MiB.
pub fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}
