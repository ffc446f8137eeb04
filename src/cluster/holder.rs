//! Who works on something: a process, told apart from every other one on any machine, and whether it still lives.

use std::fs;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

/// A process that works on something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// What it works on.
    pub task: String,
    /// No two claims have the same.
    pub token: String,
    /// Name of the machine.
    pub host: String,
    /// Tells apart what `pid` alone does not: machine, its last start, and the space that process numbers are of.
    pub machine: String,
    /// Number of the process.
    pub pid: u32,
    /// When the process started, in ticks since the machine did: numbers of processes are used again.
    pub started: u64,
    /// Slurm's number of the job, when it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Seconds since 1970.
    pub since: u64,
}

/// What is known of a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It works.
    Alive,
    /// It has ended.
    Dead,
    /// It can't be told from here.
    Unknown,
}

impl Holder {
    /// This process, about to work on `task`.
    pub fn me(task: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let pid = std::process::id();
        let started = start_of(pid).unwrap_or(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unique = format!("{} {pid} {started} {count} {}", machine(), since.as_nanos());
        Self {
            task: task.into(),
            token: blake3::hash(unique.as_bytes()).to_hex()[..24].to_string(),
            host: host(),
            machine: machine().into(),
            pid,
            started,
            job: std::env::var("SLURM_JOB_ID").ok(),
            since: since.as_secs(),
        }
    }

    /// Says what this machine knows: everything of its own processes, nothing of others'.
    pub fn life(&self) -> Life {
        if self.machine != machine() {
            return Life::Unknown;
        }
        let exists = i32::try_from(self.pid)
            .ok()
            .and_then(Pid::from_raw)
            .is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH));
        match start_of(self.pid) {
            Some(started) if started != self.started => Life::Dead,
            _ if exists => Life::Alive,
            _ => Life::Dead,
        }
    }

    /// Says who it is, for a message.
    pub fn name(&self) -> String {
        let job = self.job.as_ref().map(|job| format!(", job {job}")).unwrap_or_default();
        format!("process {} on {}{job}", self.pid, self.host)
    }
}

/// Name of this machine.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Tells this machine, since it was started, and this space of process numbers from all others.
fn machine() -> &'static str {
    static MACHINE: OnceLock<String> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let space = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        format!("{} {} {}", host(), boot.trim(), space.display())
    })
}

/// When a process started; `None` where the system does not say, or of a process that only waits to be buried.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let rest: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if matches!(rest.first(), Some(&"Z" | &"X")) {
        return Some(u64::MAX);
    }
    // Field 22 of proc(5); the third is the first after the name.
    rest.get(22 - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_of_another_start_or_number_does_not() {
        let me = Holder::me("train/0");
        assert_eq!(me.life(), Life::Alive);
        assert_eq!(Holder { started: me.started + 1, ..me.clone() }.life(), Life::Dead);
        let elsewhere = Holder { machine: "another".into(), ..me.clone() };
        assert_eq!(elsewhere.life(), Life::Unknown);
        assert_ne!(Holder::me("train/0").token, me.token);
    }

    #[test]
    fn a_process_that_ended_is_dead_even_before_its_parent_noticed() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let me = Holder::me("a");
        let id = child.id();
        let holder = Holder { pid: id, started: start_of(id).unwrap_or(0), ..me };
        // Not waited for: it is a zombie.
        let ended = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            holder.life() == Life::Dead
        });
        assert!(ended);
        child.wait().unwrap();
        assert_eq!(holder.life(), Life::Dead);
    }
}
