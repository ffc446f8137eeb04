//! Which stretches of a session are trials.

use super::choose::is_called;
use super::object::Node;
use crate::error::Result;

/// One row of a table of intervals.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Interval {
    /// Seconds from the reference time.
    pub(super) start: f64,
    /// Seconds from the reference time.
    pub(super) stop: f64,
    /// The split label, when the table has one.
    pub(super) tier: Option<String>,
}

/// Reads the table that was asked for, or `trials`, or the only one that there is; `None` when there is none.
///
/// # Errors
/// When it is not clear which, or the table is damaged.
pub(super) fn read_intervals(
    root: &Node,
    name: Option<&str>,
    tier: &str,
) -> Result<Option<(Node, Vec<Interval>)>> {
    let mut tables = Vec::new();
    if let Some(folder) = root.group("intervals") {
        let inside = folder.names()?.into_iter().filter_map(|name| folder.group(&name));
        tables.extend(inside.filter(|table| table.field("start_time").is_some()));
    }
    // Tables of the beginning of a trial without its end: `stop_time` is asked for when it is read.
    let by_name = |name: &str| tables.iter().find(|table| is_called(table, name)).cloned();
    let known = || {
        let names: Vec<&str> = tables.iter().map(Node::name).collect();
        if names.is_empty() { "none".to_string() } else { names.join(", ") }
    };
    let table = match (name, tables.as_slice()) {
        (Some(name), _) => by_name(name).ok_or_else(|| {
            root.problem(format!("has no table of intervals {name:?}; --trials takes one of: {}", known()))
        })?,
        (None, []) => return Ok(None),
        (None, [only]) => only.clone(),
        (None, _) => by_name("trials").ok_or_else(|| {
            root.problem(format!(
                "has several tables of intervals; say which are trials with --trials: {}",
                known()
            ))
        })?,
    };
    let intervals = read_table(&table, tier)?;
    Ok(Some((table, intervals)))
}

fn read_table(table: &Node, tier: &str) -> Result<Vec<Interval>> {
    let starts = table.require("start_time")?.numbers()?;
    let stops = table.require("stop_time")?.numbers()?;
    if starts.len() != stops.len() || starts.is_empty() {
        return Err(table.problem(format!(
            "{} start times and {} stop times; expected one of each for every trial",
            starts.len(),
            stops.len()
        )));
    }
    let tiers = match table.field(tier) {
        Some(field) => {
            let tiers = field.texts()?;
            if tiers.len() != starts.len() {
                return Err(field.problem(format!("{} tiers for {} trials", tiers.len(), starts.len())));
            }
            Some(tiers)
        }
        None => None,
    };
    let rows = starts.into_iter().zip(stops).enumerate();
    let tier_of = |row: usize| tiers.as_ref().map(|tiers| tiers[row].clone());
    Ok(rows.map(|(row, (start, stop))| Interval { start, stop, tier: tier_of(row) }).collect())
}
