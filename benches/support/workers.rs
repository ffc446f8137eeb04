//! Processes that do the work when they are asked, so that each has its own peak memory.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use v1reel::data::format::npy_array::write_numbers;

use super::{Answer, argument};

/// First argument of the process that does our part.
pub const OURS_FLAG: &str = "--ours";
/// Our name among the workers.
pub const OURS: &str = "ours";
/// Does the work when asked, in a process of its own.
pub struct Worker {
    /// As in `--ways`.
    pub name: String,
    /// Starts it.
    pub command: Command,
    /// Running, or not yet or no more.
    pub process: Option<Process>,
    /// Most memory it had.
    pub peak_rss_mb: f64,
}

impl Worker {
    /// Our own.
    pub fn ours(folder: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.arg(OURS_FLAG).arg(folder);
        if let Some(device) = argument("--device") {
            command.args(["--device", &device]);
        }
        Self { name: OURS.to_string(), command, process: None, peak_rss_mb: 0.0 }
    }

    /// Has the work done once; returns the seconds it took, or what kept it from that: it may not fit in memory.
    pub fn ask(&mut self, what: &str) -> Result<f64, String> {
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
pub struct Process {
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
pub fn serve(mut run: Box<dyn FnMut() -> Answer>) {
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
