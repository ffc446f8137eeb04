//! The header of a `.npy` file: element type, order and shape, read strictly and written.
//!
//! Not parsed as the Python literal that it is: a recording is untrusted, and a parser of nested
//! literals recurses as deep as the file likes. Numpy writes one form; only that form is read.

use std::fmt;

/// Longest header that is read, in bytes. Numpy's own for a plain array is 118.
const MAX_HEADER: usize = 4096;

/// First bytes of every `.npy` file.
const MAGIC: &[u8] = b"\x93NUMPY";

/// Type of the elements, little endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// IEEE float of 4 bytes.
    F4,
    /// IEEE float of 8 bytes.
    F8,
    /// Unsigned integer of 1, 2, 4 or 8 bytes.
    Unsigned(usize),
    /// Signed integer of 1, 2, 4 or 8 bytes.
    Signed(usize),
    /// Text of so many UTF-32 characters.
    Text(usize),
}

impl Element {
    /// Counts the bytes of one element; `None` when the count overflows.
    pub fn bytes(self) -> Option<usize> {
        match self {
            Self::F4 => Some(4),
            Self::F8 => Some(8),
            Self::Unsigned(size) | Self::Signed(size) => Some(size),
            Self::Text(characters) => characters.checked_mul(4),
        }
    }

    /// Reads numpy's name of a type: `<f4`, `|u1`, `<U16`.
    fn parse(descr: &str) -> Result<Self, String> {
        let unknown = || format!("elements of type {descr:?}; expected '<f4', '<f8' or '|u1', little endian");
        let mut characters = descr.chars();
        let (order, kind) = (characters.next(), characters.next());
        let size: usize = parse_integer(characters.as_str()).ok_or_else(unknown)?;
        match (order, kind, size) {
            (Some('<'), Some('f'), 4) => Ok(Self::F4),
            (Some('<'), Some('f'), 8) => Ok(Self::F8),
            (Some('|'), Some('u'), 1) => Ok(Self::Unsigned(1)),
            (Some('|'), Some('i'), 1) => Ok(Self::Signed(1)),
            (Some('<'), Some('u'), 2 | 4 | 8) => Ok(Self::Unsigned(size)),
            (Some('<'), Some('i'), 2 | 4 | 8) => Ok(Self::Signed(size)),
            (Some('<'), Some('U'), _) => Ok(Self::Text(size)),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::F4 => f.write_str("<f4"),
            Self::F8 => f.write_str("<f8"),
            Self::Unsigned(1) => f.write_str("|u1"),
            Self::Signed(1) => f.write_str("|i1"),
            Self::Unsigned(size) => write!(f, "<u{size}"),
            Self::Signed(size) => write!(f, "<i{size}"),
            Self::Text(characters) => write!(f, "<U{characters}"),
        }
    }
}

/// What stands before the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Type of the elements.
    pub element: Element,
    /// The first axis is the fast one.
    pub fortran_order: bool,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Where the data starts, in bytes from the start of the file.
    pub data_offset: usize,
}

impl Header {
    /// Reads the header at the start of `bytes`, a whole file.
    ///
    /// # Errors
    /// What was found and what was expected, when this is not a little-endian array of plain numbers
    /// or text whose shape and type account for every byte of the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (start, length) = header_span(bytes)?;
        let data_offset = start + length;
        let text = bytes.get(start..data_offset).ok_or("truncated inside its header; copy it again")?;
        let text = std::str::from_utf8(text).map_err(|_| "its header is not text")?;
        let (element, fortran_order, shape) = parse_fields(text)?;
        let expected = shape
            .iter()
            .try_fold(element.bytes().ok_or("its element size overflows")?, |n, &length| {
                n.checked_mul(length)
            })
            .ok_or("its shape overflows")?;
        let found = bytes.len() - data_offset;
        if found != expected {
            let fault = if found < expected { "truncated" } else { "too long" };
            return Err(format!(
                "{fault}: {found} bytes of data, {expected} expected for '{element}' of shape {shape:?}; copy it again"
            ));
        }
        Ok(Self { element, fortran_order, shape, data_offset })
    }

    /// Formats the header of an array in C order, padded as numpy pads it.
    pub fn format(element: Element, shape: &[usize]) -> Vec<u8> {
        let mut lengths: Vec<String> = shape.iter().map(usize::to_string).collect();
        if lengths.len() == 1 {
            lengths.push(String::new());
        }
        let shape = lengths.join(", ");
        let mut text =
            format!("{{'descr': '{element}', 'fortran_order': False, 'shape': ({}), }}", shape.trim_end());
        // Magic, version and length take 10 bytes; numpy aligns the data to 64.
        while !(text.len() + 11).is_multiple_of(64) {
            text.push(' ');
        }
        text.push('\n');
        let length = u16::try_from(text.len()).expect("a header of a few axes is short");
        [MAGIC, &[1, 0], &length.to_le_bytes(), text.as_bytes()].concat()
    }
}

/// Finds where the header's text starts and how long it is.
fn header_span(bytes: &[u8]) -> Result<(usize, usize), String> {
    if !bytes.starts_with(MAGIC) {
        return Err("not a .npy file: its first bytes are not numpy's".into());
    }
    let byte = |at: usize| bytes.get(at).copied().ok_or("truncated inside its header; copy it again");
    let (start, length) = match byte(6)? {
        1 => (10, usize::from(u16::from_le_bytes([byte(8)?, byte(9)?]))),
        2 | 3 => (12, u32::from_le_bytes([byte(8)?, byte(9)?, byte(10)?, byte(11)?]) as usize),
        version => return Err(format!(".npy version {version}; versions 1 to 3 are read")),
    };
    if length > MAX_HEADER {
        return Err(format!("a header of {length} bytes; at most {MAX_HEADER} are read"));
    }
    Ok((start, length))
}

/// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, its keys in any order.
fn parse_fields(text: &str) -> Result<(Element, bool, Vec<usize>), String> {
    let malformed = || "its header is not one that numpy writes for a plain array".to_string();
    let mut rest =
        text.trim().strip_prefix('{').and_then(|t| t.strip_suffix('}')).ok_or_else(malformed)?.trim();
    let (mut element, mut fortran_order, mut shape) = (None, None, None);
    while !rest.is_empty() {
        let (key, after) = quoted(rest).ok_or_else(malformed)?;
        let after = after.trim_start().strip_prefix(':').ok_or_else(malformed)?.trim_start();
        let after = match key {
            "descr" if element.is_none() => {
                let (descr, after) = quoted(after).ok_or_else(|| {
                    "elements that are records; expected '<f4', '<f8' or '|u1', little endian".to_string()
                })?;
                element = Some(Element::parse(descr)?);
                after
            }
            "fortran_order" if fortran_order.is_none() => {
                let (value, after) = [("True", true), ("False", false)]
                    .iter()
                    .find_map(|(word, value)| Some((*value, after.strip_prefix(word)?)))
                    .ok_or_else(malformed)?;
                fortran_order = Some(value);
                after
            }
            "shape" if shape.is_none() => {
                let (inside, after) =
                    after.strip_prefix('(').and_then(|t| t.split_once(')')).ok_or_else(malformed)?;
                shape = Some(parse_shape(inside).ok_or_else(malformed)?);
                after
            }
            _ => return Err(malformed()),
        };
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.is_empty() => after,
            None => return Err(malformed()),
        };
    }
    Ok((element.ok_or_else(malformed)?, fortran_order.ok_or_else(malformed)?, shape.ok_or_else(malformed)?))
}

/// Splits a string literal without escapes from the front of `text`.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// Reads the inside of a tuple of lengths: `2, 3`, `5,` or nothing.
fn parse_shape(inside: &str) -> Option<Vec<usize>> {
    let inside = inside.trim();
    let inside = inside.strip_suffix(',').unwrap_or(inside);
    if inside.is_empty() {
        return Some(Vec::new());
    }
    inside.split(',').map(|length| parse_integer(length.trim())).collect()
}

/// Reads decimal digits and nothing else: no sign, no blank.
fn parse_integer(digits: &str) -> Option<usize> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(element: Element, shape: &[usize], data: usize) -> Vec<u8> {
        let mut bytes = Header::format(element, shape);
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    #[test]
    fn headers_round_trip_and_align_the_data() {
        for (element, shape) in [
            (Element::F4, vec![2, 3, 4]),
            (Element::F8, vec![5]),
            (Element::Unsigned(1), vec![]),
            (Element::Text(7), vec![3]),
            (Element::Signed(8), vec![0, 9]),
        ] {
            let data = shape.iter().product::<usize>() * element.bytes().unwrap();
            let header = Header::parse(&file(element, &shape, data)).unwrap();
            assert_eq!((header.element, &header.shape, header.fortran_order), (element, &shape, false));
            assert_eq!(header.data_offset % 64, 0);
        }
    }

    #[test]
    fn what_numpy_writes_is_what_we_write() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
        let bytes = Header::format(Element::F4, &[3]);
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(std::str::from_utf8(&bytes[10..]).unwrap().trim_end(), text);
    }

    #[test]
    fn sizes_that_lie_are_found_out() {
        let huge = file(Element::F8, &[usize::MAX / 2, 3], 16);
        assert!(Header::parse(&huge).unwrap_err().contains("overflows"));
        let short = file(Element::F4, &[1 << 40], 16);
        assert!(Header::parse(&short).unwrap_err().starts_with("truncated: 16 bytes of data"));
        let long = file(Element::F4, &[1], 16);
        assert!(Header::parse(&long).unwrap_err().starts_with("too long"));
        let mut header_beyond_the_end = file(Element::F4, &[1], 4);
        header_beyond_the_end[9] = 0x0f;
        assert!(Header::parse(&header_beyond_the_end).unwrap_err().contains("header"));
    }

    #[test]
    fn types_that_are_not_read_are_named() {
        for descr in [">f4", "<f2", "<c8", "|O", "<f+4", "<", "é4"] {
            let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,), }}");
            assert!(parse_fields(&text).unwrap_err().contains(descr), "{descr}");
        }
    }
}
