//! What it costs to have many processes work a plan off: tasks a second when the tasks do nothing. Every task goes
//! through all that a real one does: it is handed over, claimed, noted as begun and done, given up.
//!
//! `cargo bench --bench scheduler`; the workers are this program again, with `--worker FOLDER`.

use std::io::BufRead;
use std::path::Path;
use std::process::Command;
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
