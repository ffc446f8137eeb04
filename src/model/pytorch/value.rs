//! Plain Python values: what the settings in a checkpoint are made of.

/// A Python value without code in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// An `int` of at most 64 bits.
    Int(i64),
    /// A `float`.
    Float(f64),
    /// A `str`.
    Str(String),
    /// A `list`.
    List(Vec<Value>),
    /// A `tuple`.
    Tuple(Vec<Value>),
    /// A `dict` or `OrderedDict`, in its order.
    Dict(Vec<(Value, Value)>),
}

impl Value {
    /// Finds what a dict holds under a string.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Self::Dict(items) = self else { return None };
        // The last one: in Python a later item replaces an earlier one.
        items.iter().rev().find(|(k, _)| k.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// Finds item `index` of a list or tuple.
    pub fn at(&self, index: usize) -> Option<&Value> {
        match self {
            Self::List(items) | Self::Tuple(items) => items.get(index),
            _ => None,
        }
    }

    /// Borrows a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Turns it into JSON: tuples become arrays, numbers that JSON lacks become null, keys become text.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::None => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::Str(value) => value.as_str().into(),
            Self::List(items) | Self::Tuple(items) => items.iter().map(Self::to_json).collect(),
            Self::Dict(items) => items.iter().map(|(key, value)| (key.to_key(), value.to_json())).collect(),
        }
    }

    fn to_key(&self) -> String {
        self.as_str().map_or_else(|| self.to_json().to_string(), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_what_json_can_say() {
        let value = Value::Dict(vec![
            (Value::Str("a".into()), Value::Tuple(vec![Value::Int(1), Value::Float(0.07), Value::None])),
            (Value::Int(3), Value::Bool(true)),
            (Value::Str("nan".into()), Value::Float(f64::NAN)),
        ]);
        let json = serde_json::json!({"a": [1, 0.07, null], "3": true, "nan": null});
        assert_eq!(value.to_json(), json);
        assert_eq!(value.get("a").and_then(|a| a.at(0)), Some(&Value::Int(1)));
    }
}
