//! What a checkpoint's pickle may hold: plain Python values, storages, tensors. Kept in one arena, so
//! that objects that refer to each other, or to themselves, cost what they cost in the file.

use super::value::Value;

/// Place of an object in the arena.
pub(super) type Id = usize;

/// The only globals that a checkpoint may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`
    RebuildTensor,
    /// `torch.FloatStorage`, `torch.LongStorage`
    Storage(Element),
}

impl Global {
    /// Knows the globals that are accepted.
    pub(super) fn named(module: &str, name: &str) -> Option<Self> {
        match (module, name) {
            ("collections", "OrderedDict") => Some(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Some(Self::RebuildTensor),
            ("torch", "FloatStorage") => Some(Self::Storage(Element::Float)),
            ("torch", "LongStorage") => Some(Self::Storage(Element::Long)),
            _ => None,
        }
    }
}

/// Type of a storage's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// f32
    Float,
    /// i64
    Long,
}

/// A file of the archive that holds the elements of tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Storage<'a> {
    pub(super) element: Element,
    /// Name of its file in `data/`: digits.
    pub(super) key: &'a str,
    /// Its number of elements.
    pub(super) length: usize,
}

/// A view of a storage; nothing of it has been checked against the storage yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor<'a> {
    pub(super) storage: Storage<'a>,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// One object of the pickle.
#[derive(Debug)]
pub(super) enum Object<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'a str),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict { ordered: bool, items: Vec<(Id, Id)> },
    Global(Global),
    Storage(Storage<'a>),
    // In a box: it is the largest by far, and every object of the arena has the size of the largest.
    Tensor(Box<Tensor<'a>>),
}

impl Object<'_> {
    /// Names its type, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an int",
            Self::Float(_) => "a float",
            Self::Str(_) => "a str",
            Self::List(_) => "a list",
            Self::Tuple(_) => "a tuple",
            Self::Dict { ordered: false, .. } => "a dict",
            Self::Dict { ordered: true, .. } => "an OrderedDict",
            Self::Global(_) => "a global",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }
}

/// A pickle that was read: all its objects, and which of them it is.
#[derive(Debug)]
pub(super) struct Objects<'a> {
    pub(super) arena: Vec<Object<'a>>,
    pub(super) root: Id,
}

/// Deepest nesting of settings.
const MAX_DEPTH: usize = 32;
/// Most memory of settings, in values plus bytes of text. One object may be referred to many times, so the
/// size of the file is no bound.
const MAX_SETTINGS: usize = 1 << 18;

impl<'a> Objects<'a> {
    /// Lists the items of a dict.
    pub(super) fn items(&self, id: Id) -> Option<&[(Id, Id)]> {
        match &self.arena[id] {
            Object::Dict { items, .. } => Some(items),
            _ => None,
        }
    }

    /// Finds what the dict `id` holds under a string.
    pub(super) fn get(&self, id: Id, key: &str) -> Option<Id> {
        let items = self.items(id)?;
        items.iter().rev().find(|(k, _)| self.text(*k) == Some(key)).map(|(_, value)| *value)
    }

    /// Borrows a string.
    pub(super) fn text(&self, id: Id) -> Option<&'a str> {
        match self.arena[id] {
            Object::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Copies a plain value out.
    ///
    /// # Errors
    /// Says when it is too large or too deep, or holds something that is not plain.
    pub(super) fn value(&self, id: Id) -> Result<Value, String> {
        let mut left = MAX_SETTINGS;
        self.copy(id, MAX_DEPTH, &mut left)
    }

    fn copy(&self, id: Id, depth: usize, left: &mut usize) -> Result<Value, String> {
        let object = &self.arena[id];
        let depth = depth.checked_sub(1).ok_or("settings are nested too deeply")?;
        let text = if let Object::Str(text) = object { text.len() } else { 0 };
        *left = left.checked_sub(1 + text).ok_or("settings are too large")?;
        Ok(match object {
            Object::None => Value::None,
            Object::Bool(value) => Value::Bool(*value),
            Object::Int(value) => Value::Int(*value),
            Object::Float(value) => Value::Float(*value),
            Object::Str(text) => Value::Str((*text).to_owned()),
            Object::List(items) => Value::List(self.copy_all(items, depth, left)?),
            Object::Tuple(items) => Value::Tuple(self.copy_all(items, depth, left)?),
            Object::Dict { items, .. } => {
                let mut copied = Vec::new();
                for (key, value) in items {
                    copied.push((self.copy(*key, depth, left)?, self.copy(*value, depth, left)?));
                }
                Value::Dict(copied)
            }
            Object::Global(_) | Object::Storage(_) | Object::Tensor(_) => {
                return Err(format!("settings hold {}", object.kind()));
            }
        })
    }

    fn copy_all(&self, items: &[Id], depth: usize, left: &mut usize) -> Result<Vec<Value>, String> {
        items.iter().map(|item| self.copy(*item, depth, left)).collect()
    }
}
