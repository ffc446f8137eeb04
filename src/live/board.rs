//! What is known of a running reconstruction: the movie in work, the trials that are done, how it ended.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::developed::Developed;
use super::packet::{self, DoneTrial, State};
use crate::data::Trial;
use crate::event::{Event, Glimpse, Observer};
use crate::metric::correlation::pixel_correlation;
use crate::reconstruct::Reconstruction;
use crate::report::page::number::short;

/// Looks at a movie are so far apart while somebody watches.
const WATCHED: Duration = Duration::from_secs(1);
/// And so far while nobody does: who opens the page sees something at once, however long an iteration takes.
const UNWATCHED: Duration = Duration::from_secs(15);
/// Who asked for the movie within this watches.
const ATTENTION: Duration = Duration::from_secs(5);
/// Movies of so many trials are kept, the newest; a report has them all.
const KEPT_TRIALS: usize = 64;

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It goes on.
    Running,
    /// Everything is done.
    Done,
    /// It was asked to stop.
    Interrupted,
    /// It failed, and why.
    Failed(String),
}

/// A running reconstruction as others see it.
pub struct Live {
    name: String,
    board: Mutex<Board>,
}

struct Board {
    phase: Phase,
    /// Reconstructions that the run is to make, controls counted.
    planned: usize,
    /// When somebody last asked for the movie.
    looked: Option<Instant>,
    /// When the newest look was taken.
    taken: Option<Instant>,
    /// Counts looks.
    looks: u64,
    /// Counts scenes.
    scenes: u64,
    glimpse: Option<Glimpse>,
    developed: Option<Arc<Developed>>,
    /// Pixel correlation of the movie in work after some iterations.
    course: Vec<(usize, Option<f64>)>,
    done: VecDeque<DoneTrial>,
    done_count: usize,
    last_request: Option<Instant>,
    told_the_end: bool,
}

impl Live {
    /// A run that is about to make so many reconstructions.
    pub fn new(name: impl Into<String>, planned: usize) -> Self {
        let board = Board {
            phase: Phase::Running,
            planned,
            looked: None,
            taken: None,
            looks: 0,
            scenes: 0,
            glimpse: None,
            developed: None,
            course: Vec::new(),
            done: VecDeque::new(),
            done_count: 0,
            last_request: None,
            told_the_end: false,
        };
        Self { name: name.into(), board: Mutex::new(board) }
    }

    /// Name of the run.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells how the run ended.
    pub fn end(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    /// Tells of a reconstruction that is done; what it takes to show it is made by a thread of its own.
    pub fn finish(self: &Arc<Self>, mouse: &str, label: &str, trial: &Trial, result: Reconstruction) {
        let score = {
            let mask = result.scored();
            short(pixel_correlation(result.ground_truth.view(), result.movie.view(), mask.view()))
        };
        let mut board = self.lock();
        let id = board.done_count;
        board.done_count += 1;
        board.done.push_back(DoneTrial::new(id, mouse, trial.id.0, label, score));
        if board.done.len() > KEPT_TRIALS {
            board.done.pop_front();
        }
        drop(board);
        let (live, behavior, pupil) = (Arc::clone(self), trial.behavior.clone(), trial.pupil_center.clone());
        std::thread::spawn(move || {
            let packed = packet::done(&result, behavior.view(), pupil.view());
            let mut board = live.lock();
            if let Some(done) = board.done.iter_mut().find(|done| done.id == id) {
                done.keep(packed.ok());
            }
        });
    }

    /// The movie in work as it would be shown, from the newest look; says that somebody watches.
    pub fn developed(&self) -> Option<Arc<Developed>> {
        let mut board = self.lock();
        board.looked = Some(Instant::now());
        let glimpse = board.glimpse.clone()?;
        let (look, scene) = (board.looks, board.scenes);
        if let Some(known) = board.developed.as_ref().filter(|known| known.look == look) {
            return Some(Arc::clone(known));
        }
        let course = board.course.clone();
        drop(board);
        // Filtered without the lock: the run may wait for nobody.
        let made = Arc::new(Developed::new(&glimpse, look, scene, course));
        let mut board = self.lock();
        if board.scenes == scene && board.course.last().is_none_or(|(step, _)| *step < made.step) {
            board.course.push((made.step, made.pixel_correlation));
        }
        if board.developed.as_ref().is_none_or(|known| known.look < look) {
            board.developed = Some(Arc::clone(&made));
        }
        Some(made)
    }

    /// How everything stands, for the page.
    pub(super) fn state(&self) -> State {
        let mut board = self.lock();
        board.told_the_end |= board.phase != Phase::Running;
        State {
            name: self.name.clone(),
            phase: board.phase.clone(),
            planned: board.planned,
            done_count: board.done_count,
            done: board.done.iter().map(DoneTrial::listed).collect(),
            now: board.glimpse.as_ref().map(|glimpse| {
                packet::now(glimpse, board.scenes, board.planned.saturating_sub(board.done_count))
            }),
        }
    }

    /// The text of a finished trial, if it is kept.
    pub(super) fn done(&self, id: usize) -> Option<Arc<str>> {
        self.lock().done.iter().find(|done| done.id == id)?.packed()
    }

    /// Notes that a page asked for something.
    pub(super) fn asked(&self) {
        self.lock().last_request = Some(Instant::now());
    }

    /// When a page last asked, and whether it was told how the run ended.
    pub(super) fn audience(&self) -> (Option<Instant>, bool) {
        let board = self.lock();
        (board.last_request, board.told_the_end)
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Live {
    fn emit(&self, _: Event) {}

    fn watches(&self) -> bool {
        let board = self.lock();
        let attention = board.looked.is_some_and(|looked| looked.elapsed() < ATTENTION);
        let pause = if attention { WATCHED } else { UNWATCHED };
        board.taken.is_none_or(|taken| taken.elapsed() >= pause)
    }

    fn watch(&self, glimpse: Glimpse) {
        let mut board = self.lock();
        let same = board.glimpse.as_ref().is_some_and(|before| Arc::ptr_eq(&before.scene, &glimpse.scene));
        if !same {
            board.scenes += 1;
            board.course.clear();
        }
        board.looks += 1;
        board.taken = Some(Instant::now());
        board.glimpse = Some(glimpse);
    }
}
