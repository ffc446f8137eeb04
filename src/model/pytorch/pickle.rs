//! Reads the pickle of a checkpoint. A pickle is a program for a stack machine that can name and call any
//! Python function; this machine knows only the instructions that build plain values and tensors, and
//! stops at the first other one. It calls nothing.

use std::collections::HashMap;

use super::object::{Global, Id, Object, Objects, Storage, Tensor};

/// Reads a pickle of protocol 2 to 5.
///
/// Takes memory in proportion to `bytes`: every instruction makes at most one object.
///
/// # Errors
/// Names the place and the instruction or global that is not accepted, or what is malformed.
pub(super) fn read_pickle(bytes: &[u8]) -> Result<Objects<'_>, String> {
    let mut machine = Machine { input: bytes, ..Machine::default() };
    loop {
        let place = bytes.len() - machine.input.len();
        match machine.step() {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Objects { arena: machine.arena, root }),
            Err(problem) => return Err(format!("data.pkl, byte {place}: {problem}")),
        }
    }
}

#[derive(Default)]
struct Machine<'a> {
    /// What is still to be read.
    input: &'a [u8],
    arena: Vec<Object<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at the marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// Does one instruction. Returns the result at the last one.
    fn step(&mut self) -> Result<Option<Id>, String> {
        let code = self.byte()?;
        match code {
            b'.' => return self.pop().map(Some),
            0x80 => self.protocol()?,
            0x95 => {
                self.take(8)?; // FRAME: only a hint for buffering
            }
            b'(' => self.marks.push(self.stack.len()),
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.memo_instruction(code)?,
            b'N' | 0x88 | 0x89 | b'J' | b'K' | b'M' | 0x8a | b'G' | b'X' | 0x8c => self.scalar(code)?,
            b')' | b't' | 0x85..=0x87 | b']' | b'}' => self.container(code)?,
            b'a' | b'e' | b's' | b'u' => self.fill(code)?,
            b'c' | 0x93 | b'i' => self.global(code)?,
            b'Q' => self.persistent_id()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            _ => return Err(format!("instruction {code:#04x} is not one that a tensor checkpoint needs")),
        }
        Ok(None)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.input.split_at_checked(count).ok_or("cut short")?;
        self.input = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.input.split_first_chunk().ok_or("cut short")?;
        self.input = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.array().map(|[byte]| byte)
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let length = self.input.iter().position(|byte| *byte == b'\n').ok_or("cut short")?;
        let line = self.take(length + 1)?;
        text(&line[..length])
    }

    fn push(&mut self, object: Object<'a>) {
        self.stack.push(self.arena.len());
        self.arena.push(object);
    }

    /// Pops an object that was pushed after the last mark.
    fn pop(&mut self) -> Result<Id, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err("the stack is empty".into());
        }
        self.stack.pop().ok_or_else(|| "the stack is empty".into())
    }

    /// Pops everything that was pushed after the last mark, and the mark.
    fn pop_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().ok_or("there is no mark")?;
        Ok(self.stack.split_off(mark))
    }

    /// Pops `count` objects.
    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= floor => Ok(self.stack.split_off(start)),
            _ => Err("the stack is empty".into()),
        }
    }

    fn protocol(&mut self) -> Result<(), String> {
        match self.byte()? {
            2..=5 => Ok(()),
            other => Err(format!("pickle protocol {other} is not 2 to 5")),
        }
    }

    fn memo_instruction(&mut self, code: u8) -> Result<(), String> {
        let index = match code {
            b'q' | b'h' => self.byte()?.into(),
            0x94 => self.memo.len() as u32,
            _ => u32::from_le_bytes(self.array()?),
        };
        if matches!(code, b'h' | b'j') {
            let id = *self.memo.get(&index).ok_or_else(|| format!("nothing was stored as {index}"))?;
            self.stack.push(id);
        } else {
            let id = self.pop()?;
            self.stack.push(id);
            self.memo.insert(index, id);
        }
        Ok(())
    }

    fn scalar(&mut self, code: u8) -> Result<(), String> {
        let object = match code {
            b'N' => Object::None,
            0x88 | 0x89 => Object::Bool(code == 0x88),
            b'J' => Object::Int(i32::from_le_bytes(self.array()?).into()),
            b'K' => Object::Int(self.byte()?.into()),
            b'M' => Object::Int(u16::from_le_bytes(self.array()?).into()),
            0x8a => Object::Int(self.long()?),
            b'G' => Object::Float(f64::from_be_bytes(self.array()?)),
            _ => {
                let length =
                    if code == b'X' { u32::from_le_bytes(self.array()?) } else { self.byte()?.into() };
                Object::Str(text(self.take(length as usize)?)?)
            }
        };
        self.push(object);
        Ok(())
    }

    /// Reads a little-endian integer in two's complement, as long as its first byte says.
    fn long(&mut self) -> Result<i64, String> {
        let length = usize::from(self.byte()?);
        let bytes = self.take(length)?;
        if length > 8 {
            return Err(format!("an int of {length} bytes; at most 8 are read"));
        }
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut full = [if negative { 0xff } else { 0 }; 8];
        full[..length].copy_from_slice(bytes);
        Ok(i64::from_le_bytes(full))
    }

    fn container(&mut self, code: u8) -> Result<(), String> {
        let object = match code {
            b')' => Object::Tuple(Vec::new()),
            b']' => Object::List(Vec::new()),
            b'}' => Object::Dict { ordered: false, items: Vec::new() },
            b't' => Object::Tuple(self.pop_mark()?),
            _ => Object::Tuple(self.pop_many(usize::from(code - 0x84))?),
        };
        self.push(object);
        Ok(())
    }

    /// Adds what is on top of the stack to the list or dict below it.
    fn fill(&mut self, code: u8) -> Result<(), String> {
        let added = match code {
            b'a' => self.pop_many(1)?,
            b's' => self.pop_many(2)?,
            _ => self.pop_mark()?,
        };
        let target = self.pop()?;
        self.stack.push(target);
        let to_list = matches!(code, b'a' | b'e');
        match &mut self.arena[target] {
            Object::List(items) if to_list => items.extend(added),
            Object::Dict { items, .. } if !to_list => {
                let (pairs, rest) = added.as_chunks::<2>();
                if !rest.is_empty() {
                    return Err("a dict gets a key without a value".into());
                }
                items.extend(pairs.iter().map(|[key, value]| (*key, *value)));
            }
            other => return Err(format!("items are added to {}", other.kind())),
        }
        Ok(())
    }

    fn global(&mut self, code: u8) -> Result<(), String> {
        let (module, name) = if code == 0x93 {
            let (name, module) = (self.pop()?, self.pop()?);
            match (&self.arena[module], &self.arena[name]) {
                (Object::Str(module), Object::Str(name)) => (*module, *name),
                _ => return Err("a global is named by something that is not a str".into()),
            }
        } else {
            (self.line()?, self.line()?)
        };
        let foreign = || {
            format!("global `{module}.{name}` does not belong in a checkpoint of tensors; nothing was run")
        };
        // INST would name a global and call it at once; no tensor is written like that.
        let global = Global::named(module, name).filter(|_| code != b'i').ok_or_else(foreign)?;
        self.push(Object::Global(global));
        Ok(())
    }

    /// Reads `("storage", type, key, location, length)`.
    fn persistent_id(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let Object::Tuple(fields) = &self.arena[id] else {
            return Err(format!("a storage is named by {}", self.arena[id].kind()));
        };
        let fields: Vec<&Object> = fields.iter().map(|field| &self.arena[*field]).collect();
        let storage = match fields[..] {
            [
                Object::Str("storage"),
                Object::Global(Global::Storage(element)),
                Object::Str(key),
                Object::Str(_),
                Object::Int(length),
            ] => Storage { element: *element, key, length: size(*length)? },
            _ => return Err("a persistent id is not that of a Float or Long storage".into()),
        };
        if storage.key.is_empty() || !storage.key.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("storage `{}` is not named by a number", storage.key));
        }
        self.push(Object::Storage(storage));
        Ok(())
    }

    /// Understands the two calls that a checkpoint makes: `OrderedDict()` and `_rebuild_tensor_v2(..)`.
    fn reduce(&mut self) -> Result<(), String> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let Object::Tuple(arguments) = &self.arena[arguments] else {
            return Err(format!("a call has {} as arguments", self.arena[arguments].kind()));
        };
        let object = match &self.arena[callable] {
            Object::Global(Global::OrderedDict) if arguments.is_empty() => {
                Object::Dict { ordered: true, items: Vec::new() }
            }
            Object::Global(Global::OrderedDict) => return Err("OrderedDict is called with arguments".into()),
            Object::Global(Global::RebuildTensor) => Object::Tensor(Box::new(self.tensor(arguments)?)),
            Object::Global(Global::Storage(_)) => return Err("a storage type is called".into()),
            other => return Err(format!("{} is called", other.kind())),
        };
        self.push(object);
        Ok(())
    }

    /// Reads `(storage, offset, shape, strides, requires_grad, hooks)`.
    fn tensor(&self, arguments: &[Id]) -> Result<Tensor<'a>, String> {
        let arguments: Vec<&Object> = arguments.iter().map(|argument| &self.arena[*argument]).collect();
        match arguments[..] {
            [
                Object::Storage(storage),
                Object::Int(offset),
                Object::Tuple(shape),
                Object::Tuple(strides),
                Object::Bool(_),
                Object::Dict { ordered: true, items: hooks },
            ] if hooks.is_empty() && shape.len() == strides.len() => Ok(Tensor {
                storage: *storage,
                offset: size(*offset)?,
                shape: self.sizes(shape)?,
                strides: self.sizes(strides)?,
            }),
            _ => Err("_rebuild_tensor_v2 is called with unexpected arguments".into()),
        }
    }

    fn sizes(&self, items: &[Id]) -> Result<Vec<usize>, String> {
        // No tensor of an encoder has more than five.
        if items.len() > 8 {
            return Err(format!("a tensor has {} axes", items.len()));
        }
        let read = |id: &Id| match &self.arena[*id] {
            Object::Int(value) => size(*value),
            other => Err(format!("a tensor's size is {}", other.kind())),
        };
        items.iter().map(read).collect()
    }

    /// Sets the state of an object: PyTorch keeps module versions in a state dict's `_metadata`, which says
    /// nothing about its tensors.
    fn build(&mut self) -> Result<(), String> {
        let (state, object) = (self.pop()?, self.pop()?);
        let metadata_only = match &self.arena[state] {
            Object::Dict { items, .. } => {
                items.iter().all(|(key, _)| matches!(self.arena[*key], Object::Str("_metadata")))
            }
            _ => false,
        };
        if !(metadata_only && matches!(self.arena[object], Object::Dict { ordered: true, .. })) {
            return Err(format!("state is set on {}", self.arena[object].kind()));
        }
        self.stack.push(object);
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "text is not UTF-8".into())
}

fn size(value: i64) -> Result<usize, String> {
    usize::try_from(value).map_err(|_| format!("size {value} is negative"))
}

#[cfg(test)]
#[path = "pickle_tests.rs"]
mod tests;
