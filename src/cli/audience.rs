//! Those who watch a run: a page in the browser, a picture in the terminal, or nobody.

use std::sync::Arc;

use super::args::live::WatchArgs;
use super::event_log::Tee;
use super::output;
use super::preview::Preview;
use super::session::Session;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::live::{Live, Phase, Server};
use crate::reconstruct::{Reconstruction, TrialPlan};

/// Who watches.
#[derive(Default)]
pub struct Audience {
    live: Option<Arc<Live>>,
    server: Option<Server>,
    preview: Option<Preview>,
}

impl Audience {
    /// Opens what was asked for, says where it is, and lets it watch through `observer`.
    ///
    /// # Errors
    /// See [`Server::start`].
    pub fn open(
        args: &WatchArgs,
        name: &str,
        planned: usize,
        session: &Session,
        observer: &mut Tee,
    ) -> Result<Self> {
        let bars = if args.preview { session.bars() } else { None };
        if args.preview && bars.is_none() {
            let message = "--preview draws on a terminal, and standard error is none (or --quiet was given)";
            observer.emit(Event::Note { message: message.into() });
        }
        if args.live.is_none() && bars.is_none() {
            return Ok(Self::default());
        }
        let live = Arc::new(Live::new(name, planned));
        let server = args.live.map(|port| Server::start(Arc::clone(&live), Some(port).filter(|&p| p != 0)));
        let server = server.transpose()?;
        if let Some(server) = &server {
            // Not an event: the log is for everybody, the address is not.
            output::aside(format_args!("Watch it at {}", server.url()));
            let port = server.port();
            let there = format!("ssh -L {port}:127.0.0.1:{port} {}", host());
            output::aside(format_args!("from another machine after: {there}"));
        }
        observer.join(live.clone());
        let preview = bars.map(|bars| Preview::start(Arc::clone(&live), &bars));
        Ok(Self { live: Some(live), server, preview })
    }

    /// Tells of a reconstruction that is done.
    pub fn finish(&self, plan: &TrialPlan<'_>, result: Reconstruction) {
        if let Some(live) = self.live.as_ref().filter(|_| self.server.is_some()) {
            live.finish(&plan.mouse.to_string(), plan.label, plan.trial, result);
        }
    }

    /// Tells how the run ended, and closes.
    pub fn close(self, outcome: &Result<()>) {
        if let Some(live) = &self.live {
            live.end(match outcome {
                Ok(()) => Phase::Done,
                Err(Error::Interrupted) => Phase::Interrupted,
                Err(error) => Phase::Failed(error.to_string()),
            });
        }
        if let Some(preview) = self.preview {
            preview.close();
        }
        if let Some(server) = self.server {
            server.close();
        }
    }
}

/// This machine's name, or a word to put it in place of.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "THIS_MACHINE".into() } else { name.into() }
}
