//! Arguments of `explain` and `show`: what an experiment file can say, and what one says.

use clap::Args;

/// Arguments of `explain`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  v1reel explain                    the sections\n  \
    v1reel explain reconstruction     the keys of one\n  \
    v1reel explain train.batch_size   one key: meaning, unit, allowed values, its value in every preset")]
pub struct ExplainArgs {
    /// A section or a key of the experiment file; all sections when absent
    #[arg(value_name = "SECTION|KEY")]
    pub what: Option<String>,
    /// Print the whole reference as a Markdown page
    #[arg(long, conflicts_with = "what")]
    pub markdown: bool,
}
