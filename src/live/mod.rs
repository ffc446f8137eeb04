//! Shows a reconstruction while it runs, on a page of its own that this machine alone can open.
//!
//! [`Live`] listens to the run and keeps the newest look at the movie in work; [`Server`] answers the page that asks
//! for it. What a look costs is paid by who looks: the run makes a copy of the movie, at most every second, and the
//! rest happens on the server's thread.

mod answer;
mod board;
mod developed;
mod packet;
mod server;
mod token;

pub use board::{Live, Phase};
pub use developed::Developed;
pub use server::Server;
