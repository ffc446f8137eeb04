//! A pool of shell workers: order, failures, deaths, stops.

use std::time::Instant;

use super::*;

/// A worker of shell: tasks say by their names what is to become of them.
const WORKER: &str = r#"
while read -r line; do
  task=$(printf %s "$line" | tr -d '"')
  echo "some library says hello"
  case "$task" in
    bad*) echo "{\"task\":\"$task\",\"outcome\":\"failed\",\"message\":\"no such luck\"}";;
    die*) echo "$task" >>"$DEATHS"; kill -9 $$;;
    once*) if [ -e "$DEATHS" ]; then echo "{\"task\":\"$task\",\"outcome\":\"done\"}"; else : >"$DEATHS"; exit 3; fi;;
    long*) trap 'echo "{\"task\":\"$task\",\"outcome\":\"interrupted\"}"; exit 75' TERM
           while :; do sleep 0.02; done;;
    *) echo "$task" >>"$ORDER"; echo "{\"task\":\"$task\",\"outcome\":\"done\"}";;
  esac
done
"#;

fn item(name: &str, after: &[usize], after_any: &[usize]) -> Item {
    Item {
        name: name.into(),
        after: after.into(),
        after_any: after_any.into(),
        done: name.starts_with("old"),
    }
}

struct Ran {
    states: Vec<State>,
    order: Vec<String>,
    deaths: usize,
}

fn run(workers: usize, items: &[Item], stop: &Stop) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let command = || {
        let mut command = Command::new("sh");
        command.args(["-c", WORKER]).env("ORDER", folder.path().join("order"));
        command.env("DEATHS", folder.path().join("deaths"));
        command
    };
    let deaths = Mutex::new(0);
    let tell = |told: Told<'_>| {
        if let Told::Died(..) = told {
            *deaths.lock().unwrap() += 1;
        }
    };
    let states = Pool { workers, command: &command, retries: 2, stop, tell: &tell }.run(items).unwrap();
    let order = std::fs::read_to_string(folder.path().join("order")).unwrap_or_default();
    let deaths = *deaths.lock().unwrap();
    Ran { states, order: order.lines().map(str::to_string).collect(), deaths }
}

#[test]
fn every_task_is_done_once_and_after_what_it_needs() {
    let mut items = vec![item("old", &[], &[]), item("a", &[0], &[]), item("b", &[], &[])];
    items.extend((0..20).map(|k| item(&format!("c{k}"), &[1, 2], &[])));
    items.push(item("end", &(3..23).collect::<Vec<_>>(), &[]));
    let Ran { states, order, .. } = run(3, &items, &Stop::default());
    assert!(states.iter().all(|state| *state == State::Done), "{states:?}");
    assert_eq!(order.len(), 23, "what was done is not done again: {order:?}");
    let at = |name: &str| order.iter().position(|other| other == name).unwrap();
    assert!((0..20).all(|k| at(&format!("c{k}")) > at("a").max(at("b"))));
    assert_eq!(at("end"), 22);
}

#[test]
fn a_failure_stops_what_needs_it_and_nothing_else() {
    let items = [
        item("bad", &[], &[]),
        item("needs bad", &[0], &[]),
        item("needs that", &[1], &[]),
        item("good", &[], &[]),
        item("takes what there is", &[3], &[2]),
    ];
    let Ran { states, .. } = run(2, &items, &Stop::default());
    assert_eq!(states[0], State::Failed("no such luck".into()));
    assert_eq!(states[1..3], [State::Blocked, State::Blocked]);
    assert_eq!(states[3..], [State::Done, State::Done]);
}

#[test]
fn a_worker_that_dies_is_replaced_and_its_task_tried_again_but_not_for_ever() {
    let Ran { states, deaths, .. } =
        run(1, &[item("once", &[], &[]), item("a", &[0], &[])], &Stop::default());
    assert_eq!((states, deaths), (vec![State::Done, State::Done], 1));
    let Ran { states, deaths, .. } = run(1, &[item("die", &[], &[]), item("a", &[], &[])], &Stop::default());
    let State::Failed(why) = &states[0] else { panic!("{states:?}") };
    assert!(why.contains("signal 9") && why.contains("3 times"), "{why}");
    assert_eq!((&states[1], deaths), (&State::Done, 3));
}

#[test]
fn a_wish_to_stop_reaches_the_workers_and_leaves_the_rest_waiting() {
    let stop = Stop::default();
    let asks = stop.clone();
    let asker = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        asks.request();
    });
    let start = Instant::now();
    let Ran { states, .. } = run(1, &[item("long", &[], &[]), item("a", &[], &[])], &stop);
    asker.join().unwrap();
    assert_eq!(states, [State::Interrupted, State::Waiting]);
    // It would never end by itself.
    assert!(start.elapsed() > Duration::from_millis(150));
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    let (stop, tell) = (Stop::default(), |_: Told<'_>| {});
    let pool = Pool {
        workers: 2,
        command: &|| Command::new("/nowhere/v1reel"),
        retries: 0,
        stop: &stop,
        tell: &tell,
    };
    let said = pool.run(&[item("a", &[], &[])]).unwrap_err().to_string();
    assert!(said.contains("/nowhere/v1reel"), "{said}");
}
