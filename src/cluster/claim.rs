//! Claims of tasks: of any number of processes on machines that share a folder, one at a time works on a task.
//!
//! A claim is a file that its holder links into place, which file systems do for one process alone; NFS does so too,
//! unlike the locks that it forwards or forgets. The holder writes to it again and again. Whoever finds the claim
//! of a process that has ended (its machine knows, or Slurm does), or one that nobody has written to for a while,
//! takes it over.
//!
//! A claim is removed or replaced only by who has linked another file whose name is of that very claim: of two that
//! take over the same dead claim, or one that takes over and one that gives up, only one comes through. Clocks of
//! different machines are never compared.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::holder::{Holder, Life};
use crate::error::{Error, Result};
use crate::stop::Stop;

/// How deep burials of buriers go: every level takes a process that died within microseconds.
const DEEPEST: usize = 6;
/// A claim that changes hands between each look at it is retried so often.
const TRIES: usize = 100;

/// How claims are kept alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The holder writes this often.
    pub every: Duration,
    /// One that nobody has written to for so long, as watched from here, is dead.
    pub stale: Duration,
}

impl Default for Heartbeat {
    /// Eight beats may be lost to a slow file server.
    fn default() -> Self {
        Self { every: Duration::from_secs(15), stale: Duration::from_secs(120) }
    }
}

/// Asks somebody else, such as Slurm, about a holder on another machine.
pub type Judge = dyn Fn(&Holder) -> Life + Send + Sync;

/// The claims in one folder.
pub struct Claims {
    folder: PathBuf,
    heartbeat: Heartbeat,
    judge: Box<Judge>,
    /// Beats seen of claims that may be dead, and since when.
    watched: Mutex<HashMap<String, (String, Instant)>>,
}

/// What became of an attempt.
#[derive(Debug)]
pub enum Attempt {
    /// It is ours.
    Won(Claim),
    /// Somebody else has it.
    Held(Box<Holder>),
}

/// A claim that is ours until it is dropped.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    token: String,
    beating: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

/// A claim as it was found.
struct Found {
    holder: Holder,
    beat: String,
}

/// A file of ours that is not linked to its place yet, removed when it is dropped.
struct Draft {
    path: PathBuf,
    file: File,
    holder: Holder,
    /// Where the beat stands in it.
    beat_at: u64,
    made: Instant,
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Claims {
    /// Keeps claims in `folder`, which is made when there is none.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be made.
    pub fn open(folder: impl Into<PathBuf>, heartbeat: Heartbeat, judge: Box<Judge>) -> Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        Ok(Self { folder, heartbeat, judge, watched: Mutex::default() })
    }

    /// Claims `task` if nobody has it, or who had it is dead. Should we be taken for dead ourselves later, `stop` is
    /// asked.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder can't be written or read.
    pub fn attempt(&self, task: &str, stop: &Stop) -> Result<Attempt> {
        let path = self.path(task);
        match self.link(&path, task, DEEPEST)? {
            Ok(draft) => Ok(Attempt::Won(Claim::beating(path, &draft, self.heartbeat.every, stop)?)),
            Err(holder) => Ok(Attempt::Held(holder)),
        }
    }

    /// Lists who holds what, by task.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder can't be read.
    pub fn held(&self) -> Result<Vec<Holder>> {
        let mut held = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(Error::io(&self.folder))? {
            let path = entry.map_err(Error::io(&self.folder))?.path();
            let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            // It may be given up this moment.
            if !hidden && let Some(found) = read(&path)? {
                held.push(found.holder);
            }
        }
        held.sort_by(|a, b| a.task.cmp(&b.task));
        Ok(held)
    }

    fn path(&self, task: &str) -> PathBuf {
        // Of a length that every file system takes, whatever mice are called.
        let hash = blake3::hash(task.as_bytes()).to_hex();
        self.folder.join(format!("{}.claim", &hash[..32]))
    }

    /// Links a file of ours to `path`, or says who stands in the way.
    fn link(&self, path: &Path, task: &str, deepest: usize) -> Result<Result<Draft, Box<Holder>>> {
        let draft = self.draft(task)?;
        for _ in 0..TRIES {
            if linked(&draft.path, path)? {
                return Ok(Ok(draft));
            }
            let Some(found) = read(path)? else { continue };
            if deepest == 0 || !self.is_dead(&found) {
                return Ok(Err(Box::new(found.holder)));
            }
            let end = self.end_of(&found.holder.token);
            let Ok(_end) = self.link(&end, task, deepest - 1)?.map(|_| Unlink(end.clone())) else {
                return Ok(Err(Box::new(found.holder)));
            };
            // Nobody else may touch a claim of this token now. If it is still there, it is ours to replace; a process
            // that slept over this may have been buried in turn, and leaves it alone.
            let still = read(path)?.is_some_and(|now| now.holder.token == found.holder.token);
            if still && draft.made.elapsed() < self.heartbeat.stale / 2 {
                fs::rename(&draft.path, path).map_err(Error::io(path))?;
                return Ok(Ok(draft));
            }
        }
        Err(Error::Failed(format!("{}: changes hands too quickly to be claimed; try again", path.display())))
    }

    /// Names the file that gives the right to remove or replace the claim of a token.
    fn end_of(&self, token: &str) -> PathBuf {
        self.folder.join(format!(".{token}.end"))
    }

    fn draft(&self, task: &str) -> Result<Draft> {
        let holder = Holder::me(task);
        let path = self.folder.join(format!(".{}.tmp", holder.token));
        let text = serde_json::to_string(&holder).map_err(|e| Error::Failed(e.to_string()))? + "\n";
        let write = || {
            let mut file = File::create_new(&path)?;
            file.write_all(text.as_bytes())?;
            file.write_all(&beat(0))?;
            // A machine that loses power must leave a whole claim or none.
            file.sync_all()?;
            Ok(file)
        };
        let file = write().map_err(Error::io(&path))?;
        Ok(Draft { path, file, holder, beat_at: text.len() as u64, made: Instant::now() })
    }

    fn is_dead(&self, found: &Found) -> bool {
        match found.holder.life() {
            Life::Alive => return false,
            Life::Dead => return true,
            Life::Unknown => {}
        }
        if (self.judge)(&found.holder) == Life::Dead {
            return true;
        }
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let seen = watched.entry(found.holder.token.clone()).or_insert_with(|| (found.beat.clone(), now));
        if seen.0 != found.beat {
            *seen = (found.beat.clone(), now);
        }
        now.duration_since(seen.1) >= self.heartbeat.stale
    }
}

impl Claim {
    fn beating(path: PathBuf, draft: &Draft, every: Duration, stop: &Stop) -> Result<Self> {
        let token = draft.holder.token.clone();
        let file = draft.file.try_clone().map_err(Error::io(&path))?;
        let (ended, end) = mpsc::channel();
        let (at, stop) = (draft.beat_at, stop.clone());
        let (place, mine) = (path.clone(), token.clone());
        let beats = move || {
            for count in 1.. {
                if end.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                let ours = |found: Option<Found>| found.is_some_and(|found| found.holder.token == mine);
                // A file server that is away for a moment is no reason to stop; another's claim is one.
                if file.write_all_at(&beat(count), at).and_then(|()| file.sync_data()).is_ok()
                    && read(&place).is_ok_and(|found| !ours(found))
                {
                    stop.request();
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("claim".into()).spawn(beats).map_err(Error::io(&path))?;
        Ok(Self { path, token, beating: Some((ended, thread)) })
    }

    /// Gives it up, unless somebody took us for dead.
    fn release(&mut self) -> Result<()> {
        if let Some((ended, thread)) = self.beating.take() {
            drop(ended);
            let _ = thread.join();
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let claims = Claims::open(folder, Heartbeat::default(), Box::new(|_| Life::Unknown))?;
        let end = claims.end_of(&self.token);
        if claims.link(&end, "", 1)?.is_err() {
            return Ok(());
        }
        let _end = Unlink(end);
        if read(&self.path)?.is_some_and(|found| found.holder.token == self.token) {
            fs::remove_file(&self.path).map_err(Error::io(&self.path))?;
        }
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // What stays behind is taken over once this process has ended.
        let _ = self.release();
    }
}

/// Removes a file in the end.
struct Unlink(PathBuf);

impl Drop for Unlink {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Links `from` to `to` unless that exists. Over NFS an answer may be lost and the question asked again: the number
/// of links tells.
fn linked(from: &Path, to: &Path) -> Result<bool> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(error) => match fs::metadata(from) {
            Ok(about) if about.nlink() == 2 => Ok(true),
            _ if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            _ => Err(Error::io(to)(error)),
        },
    }
}

/// Reads a claim; `None` when there is none (any more).
fn read(path: &Path) -> Result<Option<Found>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        // A handle of a file that is gone: NFS's ESTALE.
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(116) => {
            return Ok(None);
        }
        Err(error) => return Err(Error::io(path)(error)),
    };
    let damaged = || Error::invalid(path, "is no claim of v1reel; delete it when nothing runs");
    let (holder, beat) = text.split_once('\n').ok_or_else(damaged)?;
    let holder = serde_json::from_str(holder).map_err(|_| damaged())?;
    Ok(Some(Found { holder, beat: beat.into() }))
}

/// Always of one length, so that it is written in place.
fn beat(count: u64) -> Vec<u8> {
    format!("{count:020}\n").into_bytes()
}

#[cfg(test)]
#[path = "claim_tests.rs"]
mod tests;
