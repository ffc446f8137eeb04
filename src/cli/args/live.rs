//! What can be typed to watch a reconstruction, and the help texts.

use clap::Args;

/// Arguments for those who watch.
#[derive(Debug, Clone, Default, Args)]
pub struct WatchArgs {
    /// Show the movies as they form on a page in the browser: beside what the mouse watched, with the loss and the
    /// correlation so far. Its address is printed at the start, with a line for ssh that brings the page to another
    /// machine. Only this machine serves it, on 127.0.0.1, to those who know the address; it ends with the run. The
    /// system chooses the port unless --live=PORT does
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    pub live: Option<u16>,
    /// Draw the movie as it forms in the terminal, beside what the mouse watched; for those who are there by ssh. Where
    /// the output is not a terminal (a log, a pipe) nothing is drawn
    #[arg(long)]
    pub preview: bool,
}

#[cfg(test)]
mod tests {
    use crate::cli::args::{Cli, Command};
    use clap::Parser;

    #[test]
    fn the_live_view_takes_a_port_only_after_an_equals_sign() {
        let parse = |more: &[&str]| {
            let words = ["v1reel", "reconstruct"].iter().chain(more).copied();
            Cli::try_parse_from(words).map(|cli| {
                let Command::Reconstruct(args) = cli.command else { panic!("another command") };
                (args.watch.live, args.watch.preview)
            })
        };
        assert_eq!(parse(&["a.toml"]).unwrap(), (None, false));
        // The next word is the experiment, not the port.
        assert_eq!(parse(&["--live", "a.toml", "--preview"]).unwrap(), (Some(0), true));
        assert_eq!(parse(&["a.toml", "--live=8080"]).unwrap(), (Some(8080), false));
        assert!(parse(&["a.toml", "--live=80800"]).is_err());
    }
}
