//! Claims raced for by threads, left by dead processes, and taken over.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn claims(folder: &Path) -> Claims {
    Claims::open(folder, Heartbeat::default(), Box::new(|_| Life::Unknown)).unwrap()
}

/// Puts a claim there as a process of another kind would have left it.
fn plant(claims: &Claims, task: &str, change: impl FnOnce(Holder) -> Holder) -> PathBuf {
    let path = claims.path(task);
    let holder = serde_json::to_string(&change(Holder::me(task))).unwrap();
    fs::write(&path, format!("{holder}\n{}", String::from_utf8(beat(0)).unwrap())).unwrap();
    path
}

fn dead(holder: Holder) -> Holder {
    Holder { started: holder.started + 1, ..holder }
}

fn won(attempt: Attempt) -> Option<Claim> {
    if let Attempt::Won(claim) = attempt { Some(claim) } else { None }
}

#[test]
fn a_claim_keeps_others_out_until_it_is_dropped_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other, stop) = (claims(folder.path()), claims(folder.path()), Stop::default());
    let claim = won(one.attempt("train/0", &stop).unwrap()).unwrap();
    let Attempt::Held(holder) = other.attempt("train/0", &stop).unwrap() else { panic!("won twice") };
    assert_eq!((holder.task.as_str(), holder.pid), ("train/0", std::process::id()));
    assert!(won(other.attempt("train/1", &stop).unwrap()).is_some());
    assert_eq!(one.held().unwrap().len(), 1);
    drop(claim);
    assert!(won(other.attempt("train/0", &stop).unwrap()).is_some());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(!stop.is_requested());
}

#[test]
fn of_many_that_find_a_dead_claim_one_takes_it_over() {
    let folder = tempfile::tempdir().unwrap();
    const TAKERS: usize = 8;
    for round in 0..40 {
        let task = format!("round {round}");
        plant(&claims(folder.path()), &task, dead);
        let (start, winners) = (Barrier::new(TAKERS), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..TAKERS {
                scope.spawn(|| {
                    let claims = claims(folder.path());
                    start.wait();
                    let claim = won(claims.attempt(&task, &Stop::default()).unwrap());
                    winners.fetch_add(usize::from(claim.is_some()), Ordering::Relaxed);
                    // Held until all have tried.
                    start.wait();
                });
            }
        });
        assert_eq!(winners.load(Ordering::Relaxed), 1, "round {round}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn many_that_claim_and_give_up_are_never_two_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, entered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let (claims, stop) = (claims(folder.path()), Stop::default());
                let mut mine = 0;
                while mine < 15 {
                    let Some(claim) = won(claims.attempt("one", &stop).unwrap()) else {
                        thread::yield_now();
                        continue;
                    };
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two at once");
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    entered.fetch_add(1, Ordering::SeqCst);
                    mine += 1;
                    drop(claim);
                }
            });
        }
    });
    assert_eq!(entered.load(Ordering::SeqCst), 90);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_burier_that_died_is_buried_itself() {
    let folder = tempfile::tempdir().unwrap();
    let claims = claims(folder.path());
    let path = plant(&claims, "task", dead);
    let token = read(&path).unwrap().unwrap().holder.token;
    let holder = serde_json::to_string(&dead(Holder::me("task"))).unwrap();
    fs::write(claims.end_of(&token), format!("{holder}\n0\n")).unwrap();
    assert!(won(claims.attempt("task", &Stop::default()).unwrap()).is_some());
}

#[test]
fn a_claim_from_elsewhere_is_dead_when_slurm_says_so_or_when_nobody_writes_to_it() {
    let elsewhere = |holder| Holder { machine: "elsewhere".into(), job: Some("7".into()), ..holder };
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    plant(&claims(folder.path()), "task", elsewhere);
    let says = |life| Claims::open(folder.path(), Heartbeat::default(), Box::new(move |_: &Holder| life));
    assert!(won(says(Life::Alive).unwrap().attempt("task", &stop).unwrap()).is_none());
    assert!(won(says(Life::Dead).unwrap().attempt("task", &stop).unwrap()).is_some());

    let path = plant(&claims(folder.path()), "task", elsewhere);
    let beats = Heartbeat { every: Duration::from_secs(9), stale: Duration::from_millis(60) };
    let watcher = Claims::open(folder.path(), beats, Box::new(|_| Life::Unknown)).unwrap();
    // Whatever its age, it is watched first: clocks are not compared.
    assert!(won(watcher.attempt("task", &stop).unwrap()).is_none());
    thread::sleep(Duration::from_millis(40));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("00000\n", "00001\n")).unwrap();
    assert!(won(watcher.attempt("task", &stop).unwrap()).is_none());
    thread::sleep(Duration::from_millis(80));
    assert!(won(watcher.attempt("task", &stop).unwrap()).is_some());
}

#[test]
fn who_was_taken_for_dead_is_told_and_leaves_the_new_claim_alone() {
    let folder = tempfile::tempdir().unwrap();
    let beats = Heartbeat { every: Duration::from_millis(5), ..Heartbeat::default() };
    let claims = Claims::open(folder.path(), beats, Box::new(|_| Life::Unknown)).unwrap();
    let stop = Stop::default();
    let claim = won(claims.attempt("task", &stop).unwrap()).unwrap();
    let path = claims.path("task");
    fs::remove_file(&path).unwrap();
    plant(&claims, "task", |holder| Holder { machine: "elsewhere".into(), ..holder });
    let told = (0..1000).any(|_| {
        thread::sleep(Duration::from_millis(5));
        stop.is_requested()
    });
    assert!(told);
    drop(claim);
    assert_eq!(claims.held().unwrap()[0].machine, "elsewhere");
}

#[test]
fn a_damaged_claim_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let claims = claims(folder.path());
    fs::write(claims.path("task"), "what").unwrap();
    let said = claims.attempt("task", &Stop::default()).unwrap_err().to_string();
    assert!(said.contains(".claim") && said.contains("delete it"), "{said}");
}
