//! Works a plan off with processes on this machine: each does one task after the other as they become ready.
//!
//! A worker is any program that reads a task's name, as one line of JSON, from its standard input and answers with one
//! line of JSON ([`Reply`]) on its standard output. One that dies is replaced, and what it worked on tried again.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stop::Stop;

/// How often a wish to stop is looked for.
const GLANCE: Duration = Duration::from_millis(50);

/// What a worker says of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Which.
    pub task: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is done, by this worker or, meanwhile, by another.
    Done,
    /// It can't be done.
    Failed,
    /// It was asked to stop.
    Interrupted,
}

/// A task as the pool sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// What has to be done before, by place.
    pub after: Vec<usize>,
    /// What has to have ended before, done or not.
    pub after_any: Vec<usize>,
    /// Whether there is nothing to do.
    pub done: bool,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not begun.
    Waiting,
    /// In work.
    Running,
    /// Done, now or before.
    Done,
    /// Failed, and why.
    Failed(String),
    /// Something that it needs failed.
    Blocked,
    /// Asked to stop; goes on next time.
    Interrupted,
}

/// Something to tell about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<'a> {
    /// A task ended so.
    Ended(&'a str, &'a State),
    /// A worker died over a task, for the so-manieth time, by this.
    Died(&'a str, usize, String),
}

/// A pool of workers.
pub struct Pool<'a> {
    /// How many work at once.
    pub workers: usize,
    /// Makes the command of a worker.
    pub command: &'a (dyn Fn() -> Command + Sync),
    /// How often a task over which its worker died is tried again.
    pub retries: usize,
    /// Ends the work: workers get SIGTERM, and may finish a step.
    pub stop: &'a Stop,
    /// Is told what happens.
    pub tell: &'a (dyn Fn(Told<'_>) + Sync),
}

/// What the threads share.
struct Board<'a> {
    items: &'a [Item],
    states: Mutex<Vec<State>>,
    changed: Condvar,
    /// Processes to stop.
    children: Mutex<Vec<u32>>,
}

/// A worker that lives.
struct Worker {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Pool<'_> {
    /// Does what can be done and returns where every task stands: none is waiting or running any more unless it was
    /// asked to stop.
    ///
    /// # Errors
    /// [`Error::Failed`] when no worker can be started.
    pub fn run(&self, items: &[Item]) -> Result<Vec<State>> {
        let start = |item: &Item| if item.done { State::Done } else { State::Waiting };
        let board = Board {
            items,
            states: Mutex::new(items.iter().map(start).collect()),
            changed: Condvar::new(),
            children: Mutex::default(),
        };
        let failures: Vec<Result<()>> = thread::scope(|scope| {
            let workers: Vec<_> =
                (0..self.workers.max(1)).map(|_| scope.spawn(|| self.work(&board))).collect();
            let mut asked = false;
            while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
                if self.stop.is_requested() && !asked {
                    asked = true;
                    board.changed.notify_all();
                    board.stop_children();
                }
                thread::sleep(GLANCE);
            }
            let died = |_| Err(Error::Failed("a thread that watched a worker died".into()));
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(died)).collect()
        });
        failures.into_iter().collect::<Result<()>>()?;
        Ok(board.states.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// What one thread does: takes ready tasks and hands them to its worker.
    fn work(&self, board: &Board) -> Result<()> {
        let mut worker = None;
        while let Some(task) = board.take(self.stop, self.tell) {
            let done = self.attempt(board, &mut worker, task);
            let (state, failure) = match done {
                Ok(state) => (state, None),
                Err(error) => (State::Failed(error.to_string()), Some(error)),
            };
            if state == State::Interrupted {
                // Somebody asked the worker, not us: they mean the whole run.
                self.stop.request();
            }
            (self.tell)(Told::Ended(&board.items[task].name, &state));
            board.set(task, state);
            if let Some(error) = failure {
                self.stop.request();
                return Err(error);
            }
        }
        if let Some(Worker { mut child, input, .. }) = worker {
            // Without input it ends.
            drop(input);
            let _ = child.wait();
            board.forget(child.id());
        }
        Ok(())
    }

    fn attempt(&self, board: &Board, worker: &mut Option<Worker>, task: usize) -> Result<State> {
        let name = &board.items[task].name;
        for attempt in 1.. {
            if self.stop.is_requested() {
                return Ok(State::Interrupted);
            }
            let mut living = match worker.take() {
                Some(living) => living,
                None => self.start(board)?,
            };
            match living.ask(name) {
                Some(reply) => {
                    *worker = Some(living);
                    return Ok(match reply.outcome {
                        Outcome::Done => State::Done,
                        Outcome::Interrupted => State::Interrupted,
                        Outcome::Failed => State::Failed(reply.message.unwrap_or_default()),
                    });
                }
                None => {
                    let status = living.end();
                    board.forget(living.child.id());
                    let how = status.map_or_else(|| "its process died".into(), describe);
                    if self.stop.is_requested() {
                        return Ok(State::Interrupted);
                    }
                    (self.tell)(Told::Died(name, attempt, how.clone()));
                    if attempt > self.retries {
                        return Ok(State::Failed(format!("{how}, {attempt} times")));
                    }
                }
            }
        }
        unreachable!("the loop has no end but its returns")
    }

    fn start(&self, board: &Board) -> Result<Worker> {
        let mut command = (self.command)();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child =
            command.spawn().map_err(|e| Error::Failed(format!("{program}: can't be started: {e}")))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Failed(format!("{program}: has no input or output")));
        };
        board.children.lock().unwrap_or_else(PoisonError::into_inner).push(child.id());
        if self.stop.is_requested() {
            board.stop_children();
        }
        Ok(Worker { child, input, output: BufReader::new(output) })
    }
}

impl Worker {
    /// Hands it a task; `None` when it died over it.
    fn ask(&mut self, task: &str) -> Option<Reply> {
        let line = serde_json::to_string(task).ok()? + "\n";
        self.input.write_all(line.as_bytes()).and_then(|()| self.input.flush()).ok()?;
        let mut answer = String::new();
        loop {
            answer.clear();
            if self.output.read_line(&mut answer).ok()? == 0 {
                return None;
            }
            match serde_json::from_str::<Reply>(&answer) {
                Ok(reply) if reply.task == task => return Some(reply),
                // Something that a library printed.
                _ => {}
            }
        }
    }

    fn end(&mut self) -> Option<ExitStatus> {
        let _ = self.child.kill();
        self.child.wait().ok()
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (_, Some(9)) => "its process was killed (signal 9; too little memory?)".into(),
        (_, Some(signal)) => format!("its process was ended by signal {signal}"),
        (Some(code), None) => format!("its process ended with exit code {code} before it was done"),
        (None, None) => "its process died".into(),
    }
}

impl Board<'_> {
    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the first task that is ready, waits while others are in work, and returns `None` when there will be none.
    fn take(&self, stop: &Stop, tell: &(dyn Fn(Told<'_>) + Sync)) -> Option<usize> {
        let mut states = self.states();
        loop {
            if stop.is_requested() {
                return None;
            }
            self.block(&mut states, tell);
            if let Some(task) = (0..self.items.len()).find(|&task| self.is_ready(&states, task)) {
                states[task] = State::Running;
                return Some(task);
            }
            if !states.contains(&State::Running) {
                return None;
            }
            states = self.changed.wait_timeout(states, GLANCE).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn is_ready(&self, states: &[State], task: usize) -> bool {
        let item = &self.items[task];
        let ended = |state: &State| matches!(state, State::Done | State::Failed(_) | State::Blocked);
        states[task] == State::Waiting
            && item.after.iter().all(|&other| states[other] == State::Done)
            && item.after_any.iter().all(|&other| ended(&states[other]))
    }

    /// Gives up what needs something that failed; tasks stand after what they need.
    fn block(&self, states: &mut [State], tell: &(dyn Fn(Told<'_>) + Sync)) {
        for (task, item) in self.items.iter().enumerate() {
            let gone = |other: &usize| matches!(states[*other], State::Failed(_) | State::Blocked);
            if states[task] == State::Waiting && item.after.iter().any(gone) {
                states[task] = State::Blocked;
                tell(Told::Ended(&item.name, &State::Blocked));
            }
        }
    }

    fn set(&self, task: usize, state: State) {
        self.states()[task] = state;
        self.changed.notify_all();
    }

    fn forget(&self, child: u32) {
        self.children.lock().unwrap_or_else(PoisonError::into_inner).retain(|&other| other != child);
    }

    fn stop_children(&self) {
        for &child in self.children.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if let Some(pid) = i32::try_from(child).ok().and_then(Pid::from_raw) {
                // It may have ended this moment.
                let _ = kill_process(pid, Signal::TERM);
            }
        }
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
