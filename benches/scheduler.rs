//! What it costs to have many processes work a plan off: tasks a second when the tasks do nothing. Every task goes
//! through all that a real one does: it is handed over, claimed, noted as begun and done, given up.
//!
//! `cargo bench --bench scheduler`; the workers are this program again, with `--worker FOLDER`.
//!
//! `-- --reconstructions` measures `v1reel run` instead: eight trials of the demo's mouse, through its seven members, by
//! one process and by two. Beside it stands what the machine itself gives: two such runs at once that share nothing.

use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Instant;

use v1reel::cluster::claim::{Attempt, Claims, Heartbeat};
use v1reel::cluster::holder::Life;
use v1reel::cluster::journal::{Entry, Happened, Journal};
use v1reel::cluster::pool::{Item, Outcome, Pool, Reply, State};
use v1reel::stop::Stop;

const TASKS: usize = 2000;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    match words.iter().position(|word| word == "--worker") {
        Some(at) => work(Path::new(&words[at + 1])),
        None if words.iter().any(|word| word == "--reconstructions") => reconstructions(),
        None => measure(),
    }
}

/// Answers every line, after the claims and notes of a real task.
fn work(folder: &Path) {
    let judge = Box::new(|_: &_| Life::Unknown);
    let claims =
        Claims::open(folder.join("claims"), Heartbeat::default(), judge).expect("a folder to claim in");
    let (journal, stop) = (Journal::new(folder.join("journal")), Stop::default());
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let task: String = serde_json::from_str(&line).expect("a task's name");
        let attempt = claims.attempt(&task, &stop).expect("a claim");
        let outcome = if matches!(attempt, Attempt::Won(_)) { Outcome::Done } else { Outcome::Failed };
        journal.add(&Entry::now(&task, Happened::Started)).expect("a line of the journal");
        journal.add(&Entry::now(&task, Happened::Done)).expect("a line of the journal");
        drop(attempt);
        let reply = Reply { task, outcome, message: None };
        println!("{}", serde_json::to_string(&reply).expect("plain data"));
    }
}

fn measure() {
    let program = std::env::current_exe().expect("this program");
    let items: Vec<Item> = (0..TASKS)
        .map(|k| Item {
            name: format!("reconstruct/recorded/mouse/{k}"),
            after: if k >= 10 { vec![k - 10] } else { Vec::new() },
            after_any: Vec::new(),
            done: false,
        })
        .collect();
    println!("{TASKS} tasks that do nothing");
    for workers in [1, 2, 4, 8] {
        let folder = tempfile::tempdir().expect("a folder");
        let command = || {
            let mut command = Command::new(&program);
            command.arg("--worker").arg(folder.path());
            command
        };
        let (stop, tell) = (Stop::default(), |_: v1reel::cluster::pool::Told<'_>| {});
        let pool = Pool { workers, command: &command, retries: 0, stop: &stop, tell: &tell };
        let start = Instant::now();
        let states = pool.run(&items).expect("workers");
        let seconds = start.elapsed().as_secs_f64();
        assert!(states.iter().all(|state| *state == State::Done), "a task was not done");
        println!("{workers} workers: {seconds:.2} s, {:.0} tasks a second", TASKS as f64 / seconds);
    }
}

/// Trials that are reconstructed, and how often.
const TRIALS: usize = 8;
const ROUNDS: usize = 3;

fn reconstructions() {
    let folder = tempfile::tempdir().expect("a folder");
    let lab = Lab { folder: folder.path().to_path_buf() };
    lab.prepare();
    println!(
        "{TRIALS} reconstructions of the demo, {ROUNDS} rounds in turn: seconds, median (least to most)"
    );
    let mut seconds: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        seconds[0].push(lab.alone(1, 1));
        seconds[1].push(lab.alone(2, 2));
        seconds[2].push(lab.alone(1, 2));
        seconds[3].push(lab.apart());
    }
    let names = [
        "1 process x 1 thread",
        "2 processes x 1 thread",
        "1 process x 2 threads",
        "two runs of 1 x 1 at once",
    ];
    for (name, seconds) in names.iter().zip(&mut seconds) {
        seconds.sort_by(f64::total_cmp);
        println!("{name}: {:.1} ({:.1} to {:.1})", seconds[ROUNDS / 2], seconds[0], seconds[ROUNDS - 1]);
    }
    let [one, two, _, apart] = seconds.map(|seconds| seconds[ROUNDS / 2]);
    println!("efficiency of two processes: {:.0} %", 100.0 * one / (2.0 * two));
    println!("of two that share nothing: {:.0} %", 100.0 * one / apart);
}

/// A folder with the demo's mouse, and a run in it that lacks only its reconstructions and what follows them.
struct Lab {
    folder: PathBuf,
}

impl Lab {
    fn prepare(&self) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let recipe = root.join("data/demo_mouse.toml");
        self.v1reel(&["simulate", "simulated", "--config", recipe.to_str().expect("a plain path")]);
        let text = format!(
            "preset = \"demo\"\nname = \"demo\"\nrun = \"run\"\n[data]\nmice = [\"simulated\"]\n\
             trial_count = {TRIALS}\n[cluster]\ntrain = false\n"
        );
        fs::write(self.folder.join("demo.toml"), text).expect("a file");
        for entry in fs::read_dir(root.join("models/demo")).expect("the demo's members") {
            let path = entry.expect("a file").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            if let Some(member) = name.strip_prefix("member_") {
                let place = self.folder.join("run/members").join(member);
                fs::create_dir_all(&place).expect("a folder");
                fs::copy(&path, place.join("model.safetensors")).expect("a copy");
            }
        }
        self.v1reel(&["task", "demo.toml", "mask/simulated", "decode/simulated"]);
        fs::rename(self.folder.join("run"), self.folder.join("begun")).expect("a new name");
    }

    fn v1reel(&self, words: &[&str]) {
        assert!(self.start(words).wait().expect("an end").success(), "{words:?}");
    }

    fn start(&self, words: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_v1reel"));
        command.current_dir(&self.folder).args(words).arg("--quiet").stdout(std::process::Stdio::null());
        command.spawn().expect("v1reel")
    }

    /// A run of that name, begun.
    fn begin(&self, name: &str) {
        let _ = fs::remove_dir_all(self.folder.join(name));
        let copied = Command::new("cp").current_dir(&self.folder).args(["-r", "begun", name]).status();
        assert!(copied.expect("cp").success());
    }

    fn go_on(&self, name: &str, jobs: usize, threads: usize) -> Child {
        let (run, jobs, threads) = (format!("run={name:?}"), jobs.to_string(), threads.to_string());
        self.start(&["run", "demo.toml", "--set", &run, "--jobs", &jobs, "--threads", &threads])
    }

    /// From the beginning of the first reconstruction to the end of the last.
    fn seconds(&self, names: &[&str]) -> f64 {
        let (mut first, mut last, mut done) = (f64::INFINITY, 0.0f64, 0);
        for name in names {
            let journal = Journal::new(self.folder.join(name).join("cluster/journal"));
            for entry in journal.read().expect("a journal") {
                if entry.task.starts_with("reconstruct/") {
                    first = first.min(entry.time);
                    last = last.max(entry.time);
                    done += usize::from(entry.what == Happened::Done);
                }
            }
        }
        assert_eq!(done, TRIALS * names.len(), "reconstructions were done before or failed");
        last - first
    }

    fn alone(&self, jobs: usize, threads: usize) -> f64 {
        self.begin("run");
        assert!(self.go_on("run", jobs, threads).wait().expect("an end").success());
        self.seconds(&["run"])
    }

    /// Two runs at once.
    fn apart(&self) -> f64 {
        let names = ["run", "other"];
        names.iter().for_each(|name| self.begin(name));
        for mut run in names.map(|name| self.go_on(name, 1, 1)) {
            assert!(run.wait().expect("an end").success());
        }
        self.seconds(&names)
    }
}
