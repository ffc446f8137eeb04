//! Shows how far the work is: bars on a terminal, plain lines in a log. Short tasks stay quiet, so that
//! a long run's log is not drowned by its small steps.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::event::{Event, Observer};

/// A task that ends before this is not worth a line.
const QUIET_FOR: Duration = Duration::from_secs(2);
/// Lines of one task are this far apart, and farther in tasks that take hours.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(5);
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
/// How often a task without news is looked at.
const TICK: Duration = Duration::from_millis(500);

/// Draws events on standard error.
pub struct Progress {
    screen: Arc<Mutex<Screen>>,
}

impl Progress {
    /// Draws bars when standard error is a terminal and lines otherwise; when `quiet`, only warnings.
    pub fn stderr(quiet: bool) -> Self {
        let style = if quiet {
            Style::Quiet
        } else if io::stderr().is_terminal() {
            Style::Bars(MultiProgress::with_draw_target(ProgressDrawTarget::stderr()))
        } else {
            Style::Lines
        };
        let screen = Arc::new(Mutex::new(Screen::new(style, Box::new(io::stderr()))));
        // A step can take minutes; without a clock its task would seem dead until the step is over.
        let seen = Arc::downgrade(&screen);
        std::thread::spawn(move || {
            while let Some(screen) = seen.upgrade() {
                lock(&screen).tick(Instant::now());
                drop(screen);
                std::thread::sleep(TICK);
            }
        });
        Self { screen }
    }

    /// The bars, for what is to be drawn above them; none where nothing is drawn.
    pub fn bars(&self) -> Option<MultiProgress> {
        match &lock(&self.screen).style {
            Style::Bars(bars) => Some(bars.clone()),
            Style::Quiet | Style::Lines => None,
        }
    }
}

impl Observer for Progress {
    fn emit(&self, event: Event) {
        lock(&self.screen).take(event, Instant::now());
    }
}

fn lock(screen: &Mutex<Screen>) -> MutexGuard<'_, Screen> {
    screen.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Style {
    Quiet,
    Lines,
    Bars(MultiProgress),
}

/// What is drawn, with the time passed in so that tests need not wait.
struct Screen {
    style: Style,
    lines: Box<dyn Write + Send>,
    tasks: BTreeMap<String, Task>,
}

struct Task {
    steps: u64,
    unit: &'static str,
    started: Instant,
    step: u64,
    loss: Option<f64>,
    /// Step and time that the rate is counted from: a task that was resumed starts in its middle.
    base: Option<(u64, Instant)>,
    drawn: Drawn,
}

enum Drawn {
    NotYet,
    Bar(ProgressBar),
    Line { at: Instant },
}

impl Screen {
    fn new(style: Style, lines: Box<dyn Write + Send>) -> Self {
        Self { style, lines, tasks: BTreeMap::new() }
    }

    fn take(&mut self, event: Event, now: Instant) {
        match event {
            Event::Started { task, steps, unit } => {
                let new =
                    Task { steps, unit, started: now, step: 0, loss: None, base: None, drawn: Drawn::NotYet };
                self.tasks.insert(task, new);
            }
            Event::Progress { task: name, step, loss } => {
                if let Some(task) = self.tasks.get_mut(&name) {
                    task.advance(step, loss, now);
                    self.draw(&name, now, true);
                }
            }
            Event::Finished { task } => self.finish(&task, now),
            Event::Note { message } if !matches!(self.style, Style::Quiet) => self.say(&message),
            Event::Note { .. } => {}
            Event::Warning { message } => self.say(&format!("warning: {message}")),
        }
    }

    fn tick(&mut self, now: Instant) {
        for name in self.tasks.keys().cloned().collect::<Vec<_>>() {
            self.draw(&name, now, false);
        }
    }

    /// Draws a task if it is time to; `news` says whether there is more to say than the time.
    fn draw(&mut self, name: &str, now: Instant, news: bool) {
        let Some(task) = self.tasks.get_mut(name) else { return };
        let elapsed = now.saturating_duration_since(task.started);
        let mut line = None;
        match (&task.drawn, &self.style) {
            (_, Style::Quiet) => {}
            (Drawn::NotYet, _) if elapsed < QUIET_FOR => {}
            (Drawn::NotYet, Style::Lines) => {
                task.drawn = Drawn::Line { at: now };
                line = Some(format!("{name}: started, {} {}", task.steps, task.unit));
            }
            (Drawn::NotYet, Style::Bars(bars)) => {
                let bar = ProgressBar::new(task.steps).with_style(bar_style()).with_elapsed(elapsed);
                let bar = bars.add(bar.with_prefix(name.to_string()));
                task.show_on(&bar, now);
                task.drawn = Drawn::Bar(bar);
            }
            (Drawn::Bar(bar), _) => task.show_on(bar, now),
            (Drawn::Line { at }, _) => {
                let interval = (elapsed / 20).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
                if news && now.saturating_duration_since(*at) >= interval {
                    task.drawn = Drawn::Line { at: now };
                    line = Some(format!(
                        "{name}: {}/{} {}, {} elapsed{}",
                        task.step,
                        task.steps,
                        task.unit,
                        clock(elapsed),
                        task.outlook(now)
                    ));
                }
            }
        }
        if let Some(line) = line {
            self.say(&line);
        }
    }

    fn finish(&mut self, name: &str, now: Instant) {
        let Some(task) = self.tasks.remove(name) else { return };
        let elapsed = now.saturating_duration_since(task.started);
        if let Drawn::Bar(bar) = &task.drawn {
            bar.finish_and_clear();
        }
        if elapsed >= QUIET_FOR && !matches!(self.style, Style::Quiet) {
            let loss = task.loss.map(|loss| format!(", loss {loss:.5}")).unwrap_or_default();
            self.say(&format!("{name}: done, {} {} in {}{loss}", task.steps, task.unit, clock(elapsed)));
        }
    }

    /// Writes a line; when nobody reads it any more, the work goes on all the same.
    fn say(&mut self, line: &str) {
        let _ = match &self.style {
            Style::Bars(bars) => bars.println(line),
            Style::Quiet | Style::Lines => writeln!(self.lines, "{line}").and_then(|()| self.lines.flush()),
        };
    }
}

impl Task {
    fn advance(&mut self, step: u64, loss: Option<f64>, now: Instant) {
        let start = if step > 1 { (step, now) } else { (0, self.started) };
        self.base.get_or_insert(start);
        self.step = step;
        self.loss = loss.or(self.loss);
    }

    fn show_on(&self, bar: &ProgressBar, now: Instant) {
        bar.set_position(self.step);
        bar.set_message(format!("{}{}", self.unit, self.outlook(now)));
    }

    /// Says rate, time left and loss, as far as they are known, each after a comma.
    fn outlook(&self, now: Instant) -> String {
        let mut text = String::new();
        if let Some((from, since)) = self.base.filter(|(from, _)| self.step > *from) {
            let seconds = now.saturating_duration_since(since).as_secs_f64();
            let each = seconds / (self.step - from) as f64;
            if each > 0.0 {
                let rate =
                    if each < 1.0 { format!("{:.1}/s", 1.0 / each) } else { format!("{each:.1} s each") };
                let left = Duration::try_from_secs_f64(each * self.steps.saturating_sub(self.step) as f64);
                text = format!(", {rate}, {} left", clock(left.unwrap_or(Duration::MAX)));
            }
        }
        if let Some(loss) = self.loss {
            text += &format!(", loss {loss:.5}");
        }
        text
    }
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {bar:24} {pos}/{len} {wide_msg}")
        .expect("the template is a constant")
        .progress_chars("━╸─")
}

/// Writes a duration as `m:ss` or `h:mm:ss`.
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Plays events at given seconds and returns what was written.
    fn play(style: Style, events: &[(f64, Event)]) -> String {
        let (paper, start) = (Paper::default(), Instant::now());
        let mut screen = Screen::new(style, Box::new(paper.clone()));
        for (seconds, event) in events {
            let now = start + Duration::from_secs_f64(*seconds);
            screen.tick(now);
            screen.take(event.clone(), now);
        }
        String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
    }

    fn started(steps: u64) -> Event {
        Event::Started { task: "train".into(), steps, unit: "steps" }
    }

    fn progress(step: u64) -> Event {
        Event::Progress { task: "train".into(), step, loss: Some(0.5) }
    }

    fn finished() -> Event {
        Event::Finished { task: "train".into() }
    }

    #[test]
    fn a_task_shorter_than_two_seconds_stays_quiet() {
        let events = [(0.0, started(2)), (1.0, progress(1)), (1.9, progress(2)), (1.95, finished())];
        assert_eq!(play(Style::Lines, &events), "");
    }

    #[test]
    fn lines_tell_start_rate_time_left_and_end_but_not_every_step() {
        let mut events = vec![(0.0, started(100))];
        events.extend((1..=100).map(|step| (step as f64 * 0.1, progress(step))));
        events.push((10.0, finished()));
        let text = play(Style::Lines, &events);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(lines[0], "train: started, 100 steps");
        assert_eq!(lines[1], "train: 70/100 steps, 0:07 elapsed, 10.0/s, 0:03 left, loss 0.50000");
        assert_eq!(lines[2], "train: done, 100 steps in 0:10, loss 0.50000");
    }

    #[test]
    fn a_resumed_task_counts_its_rate_from_where_it_resumed() {
        let events = [(0.0, started(1000)), (1.0, progress(901)), (11.0, progress(911))];
        // The tick before the last event writes the start line, so that event waits for its turn.
        let text = play(Style::Lines, &[&events[..], &[(17.0, progress(917))]].concat());
        assert!(text.contains("917/1000 steps, 0:17 elapsed, 1.0 s each, 1:23 left"), "{text}");
    }

    #[test]
    fn quiet_leaves_only_warnings() {
        let note = Event::Note { message: "wrote a.gif".into() };
        let warning = Event::Warning { message: "NaN in trial 3".into() };
        let events = [(0.0, started(9)), (5.0, progress(5)), (6.0, note), (7.0, warning), (8.0, finished())];
        assert_eq!(play(Style::Quiet, &events), "warning: NaN in trial 3\n");
    }

    #[test]
    fn bars_of_several_tasks_come_and_go_without_lines() {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let events = [(0.0, started(10)), (3.0, progress(5)), (4.0, progress(6)), (5.0, finished())];
        assert_eq!(play(Style::Bars(bars), &events), "");
    }

    #[test]
    fn hours_are_written_as_such() {
        assert_eq!(clock(Duration::from_secs(3725)), "1:02:05");
    }
}
