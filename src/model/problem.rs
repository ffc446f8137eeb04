//! Says what is wrong with a checkpoint, in the same words whichever format it has. Names and texts may
//! come from an untrusted file, so messages are kept to one line.

use std::collections::BTreeMap;
use std::path::Path;

use super::layout::nearest;
use crate::error::{Error, one_line};

/// Checks that exactly the `expected` tensors are there, in their shapes.
pub(super) fn check_shapes(
    found: &BTreeMap<&str, &[usize]>,
    expected: &BTreeMap<String, Vec<usize>>,
) -> Result<(), String> {
    for (name, shape) in expected {
        match found.get(name.as_str()) {
            None => {
                // A key that nobody expects is the likelier meant one.
                let unknown: Vec<&str> =
                    found.keys().copied().filter(|k| !expected.contains_key(*k)).collect();
                let known = found.keys().copied().filter(|_| unknown.is_empty());
                return Err(missing(name, shape, unknown.iter().copied().chain(known)));
            }
            Some(found) if found != shape => return Err(misshapen(name, found, shape)),
            Some(_) => {}
        }
    }
    surplus(found.keys().copied().filter(|name| !expected.contains_key(*name))).map_or(Ok(()), Err)
}

/// Checks that all values of a tensor can be computed with.
pub(super) fn check_values(name: &str, values: &[f32]) -> Result<(), String> {
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        return Err(format!("tensor {name} holds {} at position {at}", values[at]));
    }
    // Batch norm takes its root.
    if name.ends_with(".running_var") && values.iter().any(|&value| value < 0.0) {
        return Err(format!("tensor {name} holds a negative variance"));
    }
    Ok(())
}

/// Says that a tensor is missing, and what is there that may have been meant.
pub(super) fn missing<'a>(name: &str, shape: &[usize], known: impl Iterator<Item = &'a str>) -> String {
    let hint = nearest(name, known).map_or(String::new(), |known| format!("; the nearest is {known}"));
    let shape = if shape.is_empty() { String::new() } else { format!(" {shape:?}") };
    format!("tensor {name}{shape} is missing{hint}")
}

/// Says that a tensor has another shape.
pub(super) fn misshapen(name: &str, found: &[usize], expected: &[usize]) -> String {
    format!("tensor {name} has shape {found:?}, expected {expected:?}")
}

/// Complains about tensors that nobody expects, by name; of many only the first.
pub(super) fn surplus<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    let first = names.get(..3).unwrap_or(&names);
    match names.len() {
        0 => None,
        n if n <= 3 => Some(format!("unknown tensors: {}", first.join(", "))),
        n => Some(format!("unknown tensors: {} and {} more", first.join(", "), n - 3)),
    }
}

/// Makes an [`Error::Invalid`] whose text may quote the file.
pub(super) fn invalid(path: &Path, problem: &str) -> Error {
    Error::invalid(path, one_line(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_would_poison_the_encoder_are_named() {
        assert_eq!(check_values("a.gamma", &[0.0, -1.0]), Ok(()));
        let message = check_values("a.gamma", &[0.0, f32::NAN]).unwrap_err();
        assert_eq!(message, "tensor a.gamma holds NaN at position 1");
        assert!(check_values("a.gamma", &[f32::INFINITY]).unwrap_err().contains("inf"));
        assert!(check_values("a.running_var", &[-1.0]).unwrap_err().contains("negative variance"));
    }

    #[test]
    fn of_many_unknown_tensors_three_are_named() {
        assert_eq!(surplus(["a"].into_iter()).unwrap(), "unknown tensors: a");
        assert_eq!(surplus(["a", "b", "c", "d"].into_iter()).unwrap(), "unknown tensors: a, b, c and 1 more");
        assert_eq!(surplus([].into_iter()), None);
    }
}
