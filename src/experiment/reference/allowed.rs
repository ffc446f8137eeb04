//! Which values a key may have, asked of the validator: it is given values that are out of any range, and says what it
//! expected instead.

use toml::{Table, Value};

use super::super::layer::{Layer, Stack};
use super::super::raw::RawExperiment;
use super::super::validate;

/// Says in the validator's words what it expects of the value of a key, if it expects anything beyond the type.
pub(super) fn allowed(path: &str, example: &Value) -> Option<String> {
    let probes: Vec<Value> = match example {
        Value::Integer(_) => vec![0.into(), most()],
        Value::Float(_) => vec![f64::NAN.into()],
        Value::String(_) => vec!["".into()],
        Value::Array(values) => probes_of_list(values),
        _ => Vec::new(),
    };
    let count_from_0 = matches!(example, Value::Integer(_)) && answer(path, &0.into()).is_none();
    let mut found: Vec<String> = count_from_0.then(|| "0 or more".to_string()).into_iter().collect();
    for expected in probes.iter().filter_map(|probe| answer(path, probe)) {
        // A range that begins with 0 says more than that 0 will do.
        if expected.starts_with("0 to ") {
            found.clear();
        }
        // Anything is a number.
        let is_no_bound = expected == "a number";
        if !is_no_bound && !found.contains(&expected) {
            found.push(expected);
        }
    }
    (!found.is_empty()).then(|| found.join(", "))
}

/// The most of anything that is counted: no bound to speak of, but beyond any that is.
fn most() -> Value {
    Value::Integer(i64::try_from(validate::MOST).unwrap_or(i64::MAX))
}

/// Empty lists, and lists of values that are out of any range, as long as the example.
fn probes_of_list(values: &[Value]) -> Vec<Value> {
    let all = |value: Value| Value::Array(vec![value; values.len()]);
    let mut probes = vec![Value::Array(Vec::new())];
    match values.first() {
        Some(Value::Integer(_)) => probes.extend([all(0.into()), all(most())]),
        Some(Value::Float(_)) => probes.push(all(f64::NAN.into())),
        _ => {}
    }
    probes
}

/// What the validator expected instead of `value`, or nothing when it takes it.
fn answer(path: &str, value: &Value) -> Option<String> {
    let mut settings = base();
    let (section, key) = path.split_once('.').unwrap_or(("", path));
    let table = if section.is_empty() {
        Some(&mut settings)
    } else {
        settings.entry(section).or_insert_with(|| Value::Table(Table::new())).as_table_mut()
    };
    table?.insert(key.into(), value.clone());
    let raw: RawExperiment = settings.try_into().ok()?;
    let problem = validate::validate(raw, "name").err().filter(|problem| problem.key == path)?;
    let (_, expected) = problem.message.split_once("expected ")?;
    Some(expected.to_string())
}

/// The paper's settings with a mouse: they are all right, but for the value that is tried.
fn base() -> Table {
    let stack = Layer::preset("paper").and_then(|paper| Stack::new(vec![paper]));
    let mut settings = stack.map(|stack| stack.merged()).unwrap_or_default();
    if let Some(Value::Table(data)) = settings.get_mut("data") {
        data.insert("mice".into(), Value::Array(vec!["mouse".into()]));
        // It stands in the way of `trials`, and is put back when it is the one that is tried.
        data.remove("trial_count");
    }
    settings
}
