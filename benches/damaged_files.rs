//! Does any damaged file make a reader panic, hang, take memory that the file does not hold, or end the process?
//! As many files as fit into the given time, the same ones each time, in the order of their numbers.
//!
//! Files are read in a process of their own: HDF5 is C, and a damaged file may end it.
//!
//! `cargo bench --bench damaged_files -- --seconds 600`, `--reader NAME` for one reader, `--case NAME NUMBER` for one
//! file, `--corpus FOLDER` to look at the valid files.

#[path = "../tests/integration/allocation.rs"]
mod allocation;
#[path = "../tests/integration/hostile_files"]
mod hostile_files {
    pub mod cases;
    pub mod damage;
    pub mod readers;
    pub mod recordings;
}

mod support;

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hostile_files::cases::{Workbench, damaged};

/// A file that takes longer to read than this hangs its reader; the slowest honest one takes milliseconds.
const HANG: Duration = Duration::from_secs(10);
/// Memory of a reading process, in KiB: beyond, allocations fail.
const MEMORY_KIB: u64 = 4 << 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--worker", name, first, seconds, progress] => {
            work(name, whole(first), Duration::from_secs_f64(real(seconds)), Path::new(progress));
        }
        ["--case", name, number] => try_one(name, whole(number)),
        ["--corpus", folder] => write_corpus(Path::new(folder)),
        _ => {
            let value = |flag: &str| {
                let at = arguments.iter().rposition(|argument| *argument == flag)?;
                arguments.get(at + 1).copied()
            };
            run(value("--reader"), value("--seconds").map_or(10.0, real));
        }
    }
}

fn whole(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

fn real(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

/// What came of one reader's files.
#[derive(Default)]
struct Tally {
    files: u64,
    accepted: u64,
    peak_mib: u64,
    findings: Vec<String>,
}

fn run(only: Option<&str>, seconds: f64) {
    let names: Vec<&str> = Workbench::new().readers.iter().map(|reader| reader.name).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| only.is_none_or(|only| only == *name)).collect();
    assert!(!names.is_empty(), "there is no reader of that name");
    let share = Duration::from_secs_f64(seconds / names.len() as f64);
    println!(
        "{:<20} {:>9} {:>9} {:>9} {:>10} {:>9}",
        "reader", "files", "a second", "accepted", "peak MiB", "findings"
    );
    let mut findings = Vec::new();
    for name in names {
        let started = Instant::now();
        let tally = try_reader(name, share);
        let rate = tally.files as f64 / started.elapsed().as_secs_f64();
        let (files, accepted, peak) = (tally.files, tally.accepted, tally.peak_mib);
        println!("{name:<20} {files:>9} {rate:>9.0} {accepted:>9} {peak:>10} {:>9}", tally.findings.len());
        findings.extend(tally.findings.into_iter().map(|finding| format!("{name}, {finding}")));
    }
    println!("\n{} findings", findings.len());
    findings.iter().take(100).for_each(|finding| println!("{finding}"));
}

/// Gives a reader one process after the other until its time is over.
fn try_reader(name: &str, time: Duration) -> Tally {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let progress = folder.path().join("progress");
    let (start, mut first, mut tally) = (Instant::now(), 0, Tally::default());
    while let Some(left) = time.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
        fs::write(&progress, format!("{first:020}")).expect("a writable folder");
        let script = format!("ulimit -v {MEMORY_KIB}; exec \"$0\" \"$@\"");
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .arg(std::env::current_exe().expect("this program"))
            .args(["--worker", name, &first.to_string(), &left.as_secs_f64().to_string()])
            .arg(&progress)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        let hung = wait(&mut child, &progress);
        let status = child.wait().expect("the process's end");
        let mut done = false;
        for line in BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok) {
            if let Some(counts) = line.strip_prefix("done ") {
                let counts: Vec<u64> = counts.split(' ').map(whole).collect();
                tally.accepted += counts[0];
                tally.peak_mib = tally.peak_mib.max(counts[1]);
                done = true;
            } else {
                tally.findings.push(line);
            }
        }
        let reached = read_number(&progress);
        tally.files += reached - first;
        if !done {
            let how = if hung { "it hung".to_string() } else { format!("it ended the process: {status}") };
            tally.findings.push(format!("case {reached}: {how}"));
            tally.files += 1;
        }
        first = reached + 1;
    }
    tally
}

/// Waits for the end of a process, or kills it when it gets no further. Says whether it did.
fn wait(child: &mut Child, progress: &Path) -> bool {
    let (mut seen, mut since) = (read_number(progress), Instant::now());
    while child.try_wait().expect("a process that can be asked").is_none() {
        std::thread::sleep(Duration::from_millis(20));
        let now = read_number(progress);
        if now != seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() > HANG {
            let _ = child.kill();
            return true;
        }
    }
    false
}

fn read_number(progress: &Path) -> u64 {
    whole(&fs::read_to_string(progress).expect("a file that was written"))
}

/// The reading process: prints findings, and in the end what it did.
fn work(name: &str, first: u64, time: Duration, progress: &Path) {
    let workbench = Workbench::new();
    let reader = workbench.readers.iter().find(|reader| reader.name == name).expect("a known reader");
    workbench.read_whole(reader).expect("a valid file is read");
    let (start, mut accepted, mut number) = (Instant::now(), 0, first);
    let progress = OpenOptions::new().write(true).open(progress).expect("the parent's file");
    // In place and always as long: to cut a file short first can take milliseconds.
    let tell =
        |number: u64| progress.write_all_at(format!("{number:020}").as_bytes(), 0).expect("a writable file");
    while start.elapsed() < time {
        tell(number);
        match workbench.try_case(reader, number) {
            Ok(fine) => accepted += u64::from(fine),
            Err(finding) => println!("case {number}: {finding}"),
        }
        number += 1;
    }
    tell(number);
    println!("done {accepted} {:.0}", support::peak_rss_mb());
}

fn try_one(name: &str, number: u64) {
    let workbench = Workbench::new();
    let reader = workbench.readers.iter().find(|reader| reader.name == name).expect("a known reader");
    fs::write("damaged", damaged(reader, number)).expect("a writable folder");
    println!("the file is written to ./damaged\n{:?}", workbench.try_case(reader, number));
}

fn write_corpus(folder: &Path) {
    for reader in Workbench::new().readers {
        for (number, bytes) in reader.corpus.iter().enumerate() {
            let path = folder.join(format!("{number}.{}", reader.name));
            fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes)).expect("a writable folder");
        }
    }
}
