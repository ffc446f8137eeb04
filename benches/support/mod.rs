//! What the benches share: workers that take turns, answers that must agree, tables, JSON lines.
//!
//! Ours runs in a process of its own like its peers, so that each has its own peak memory; a worker does the
//! work once for each line on its stdin and answers with seconds and peak memory.
//!
//! `--size NAME`, `--rounds N` and `--ways A,B` choose what is measured; `--device tch:0` measures on a GPU, where
//! PyTorch is also timed in reduced precision.

#![allow(dead_code, unused_imports)] // No bench uses all of it.

mod answers;
mod inputs;
mod table;
mod workers;

use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use serde_json::{Value, json};
use v1reel::device::DeviceChoice;
use v1reel::model::{ModelConfig, Runtime};

pub use answers::{Answer, read};
pub use inputs::{checkpoint, demo, encoder, paper};
pub use table::machine;
pub use workers::peak_rss_mb;

use answers::compare;
use inputs::write_inputs;
use table::{middle, table};
use workers::{OURS, OURS_FLAG, Worker, serve};

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
