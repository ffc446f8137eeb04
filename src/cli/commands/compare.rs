//! `v1reel compare`: holds two runs against each other, trial by trial and neuron by neuron.

use crate::cli::args::reconstruct::CompareArgs;
use crate::cli::numbers::{interval, number, probability};
use crate::cli::output;
use crate::cli::table::Table;
use crate::error::Result;
use crate::evaluate::comparison::{OverMice, WithinMouse, over_mice, pair, within_mice};

/// Compares.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(args: &CompareArgs) -> Result<()> {
    let pairs = pair(&args.first, &args.second)?;
    let (within, over) = (within_mice(&pairs), over_mice(&pairs));
    if args.json {
        return output::json(&serde_json::json!({ "within_mice": within, "over_mice": over }));
    }
    output::line(format!("{} (first) and {} (second)\n", args.first.display(), args.second.display()))?;
    output::line(within_table(&within))?;
    if over.is_empty() {
        return output::line("Of one mouse, nothing can be said of mice.");
    }
    output::line("\nOver mice:")?;
    output::line(over_table(&over))
}

fn within_table(rows: &[WithinMouse]) -> Table {
    let heading = [
        "mouse",
        "score",
        "first",
        "second",
        "difference",
        "95% interval",
        "n",
        "t",
        "df",
        "p (Bonferroni)",
        "p (sign flips)",
        "d_z",
    ];
    let mut table = Table::new(heading);
    for row in rows {
        let test = &row.t_test;
        table.row([
            row.mouse.to_string(),
            row.score.replace('_', " "),
            number(row.first),
            number(row.second),
            number(test.mean_difference),
            interval(test.confidence_95),
            format!("{} {}", test.n, row.unit),
            number(test.t),
            test.degrees_of_freedom.to_string(),
            probability(row.p_bonferroni),
            probability(row.sign_flip.p),
            number(test.cohens_dz),
        ]);
    }
    table
}

fn over_table(rows: &[OverMice]) -> Table {
    let heading =
        ["score", "first", "second", "difference", "95% (mice drawn again)", "n", "t", "df", "p", "d_z"];
    let mut table = Table::new(heading);
    for row in rows {
        let test = &row.t_test;
        table.row([
            row.score.replace('_', " "),
            number(row.first),
            number(row.second),
            number(row.difference.mean),
            interval(row.difference.confidence_95),
            format!("{} mice, {} {}", row.difference.clusters, row.difference.values, row.unit),
            number(test.t),
            test.degrees_of_freedom.to_string(),
            probability(test.p),
            number(test.cohens_dz),
        ]);
    }
    table
}
