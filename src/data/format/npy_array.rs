//! Arrays in `.npy` files: read through a memory map, so that a clip does not cost a read of the
//! whole trial, and written in C order.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::npy_header::{Element, Header};
use crate::error::{Error, Result};

/// A memory-mapped array of numbers or text.
#[derive(Debug)]
pub struct NpyArray {
    path: PathBuf,
    map: Mmap,
    header: Header,
    /// Elements from one index to the next, an axis.
    strides: Vec<usize>,
    rows: usize,
}

impl NpyArray {
    /// Maps `path` and checks its header against its size.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be opened, [`Error::Invalid`] when it is not an array that is read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        if !file.metadata().map_err(Error::io(path))?.is_file() {
            return Err(Error::invalid(path, "not a file"));
        }
        // SAFETY: the map is read-only, and every read is a bounds-checked read of plain bytes. As with
        // every memory map, somebody who cuts the file short meanwhile ends the process: recordings
        // are not rewritten while they are used, and ours are only ever renamed into place.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io(path))?;
        let header = Header::parse(&map).map_err(|problem| Error::invalid(path, problem))?;
        let mut strides = vec![1; header.shape.len()];
        let mut stride = 1usize;
        let axes = 0..header.shape.len();
        let slow_to_fast: Vec<usize> =
            if header.fortran_order { axes.rev().collect() } else { axes.collect() };
        for &axis in slow_to_fast.iter().rev() {
            strides[axis] = stride;
            // Saturates only where another axis is empty, and then nothing is ever read.
            stride = stride.saturating_mul(header.shape[axis]);
        }
        // No overflow: the header's product, checked from the first axis on, was longer.
        let rows = header.shape.split_last().map_or(0, |(_, sizes)| sizes.iter().product());
        Ok(Self { path: path.to_path_buf(), map, header, strides, rows })
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the type of the elements.
    pub fn element(&self) -> Element {
        self.header.element
    }

    /// Returns the lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// Returns the lengths of the axes of an array that must have `N` of them, called `axes`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it has another number.
    pub fn shape_of<const N: usize>(&self, axes: &str) -> Result<[usize; N]> {
        <[usize; N]>::try_from(self.shape())
            .map_err(|_| Error::invalid(&self.path, format!("shape {:?}; expected ({axes})", self.shape())))
    }

    /// Checks that the elements are of a type that recordings are stored in.
    ///
    /// # Errors
    /// [`Error::Invalid`] when they are not.
    pub fn require_recording(&self) -> Result<()> {
        match self.element() {
            Element::F4 | Element::F8 | Element::Unsigned(1) => Ok(()),
            other => Err(Error::invalid(
                &self.path,
                format!("elements of type '{other}'; expected '<f4', '<f8' or '|u1'"),
            )),
        }
    }

    /// Checks that the elements are numbers.
    ///
    /// # Errors
    /// [`Error::Invalid`] when they are text.
    pub fn require_number(&self) -> Result<()> {
        match self.element() {
            Element::Text(_) => Err(Error::invalid(&self.path, "text; expected numbers")),
            _ => Ok(()),
        }
    }

    /// Says whether the elements can be NaN, so that a tail of NaN can mark the end of a trial.
    pub fn can_be_nan(&self) -> bool {
        matches!(self.element(), Element::F4 | Element::F8)
    }

    /// Counts the rows: the product of all axes but the last.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the length of the last axis, which is time in every array of a recording.
    pub fn frames(&self) -> usize {
        self.shape().last().copied().unwrap_or(0)
    }

    /// Reads the number at `frame` of `row`; the rows of `[height, width, frame]` are its pixels.
    ///
    /// # Panics
    /// When row or frame is out of range, the array has not 2 or 3 axes, or its elements are text.
    #[inline]
    pub fn at(&self, row: usize, frame: usize) -> f32 {
        assert!(row < self.rows && frame < self.frames(), "row and frame in range");
        let flat = match *self.strides {
            [by_row, by_frame] => row * by_row + frame * by_frame,
            [by_y, by_x, by_frame] => {
                let width = self.header.shape[1];
                row / width * by_y + row % width * by_x + frame * by_frame
            }
            _ => panic!("an array of 2 or 3 axes"),
        };
        match self.element() {
            Element::F4 => f32::from_le_bytes(self.bytes(flat)),
            Element::F8 => f64::from_le_bytes(self.bytes(flat)) as f32,
            _ => self.integer(flat) as f32,
        }
    }

    /// Reads the number at an index of every axis, however many there are.
    ///
    /// # Panics
    /// When there are other axes, an index is out of range, or the elements are text.
    pub fn number(&self, index: &[usize]) -> f64 {
        let shape = &self.header.shape;
        assert_eq!(index.len(), shape.len(), "an index of every axis");
        assert!(index.iter().zip(shape).all(|(at, length)| at < length), "indices in range");
        let flat = index.iter().zip(&self.strides).map(|(at, stride)| at * stride).sum();
        match self.element() {
            Element::F4 => f32::from_le_bytes(self.bytes(flat)).into(),
            Element::F8 => f64::from_le_bytes(self.bytes(flat)),
            _ => self.integer(flat) as f64,
        }
    }

    /// Writes the numbers at `frames` of every row over `values`, row after row.
    ///
    /// # Panics
    /// When a frame is out of range, the array has not 2 or 3 axes, or its elements are text.
    pub fn gather(&self, frames: &[usize], values: &mut Vec<f32>) {
        assert!(frames.iter().all(|&frame| frame < self.frames()), "frames in range");
        let data = &self.map[self.header.data_offset..];
        let in_rows = !self.header.fortran_order;
        values.resize(self.rows * frames.len(), 0.0);
        if frames.is_empty() {
            return;
        }
        match self.element() {
            // The type is looked at once, not for every number.
            Element::F4 if in_rows => gather_rows(data, self.frames(), frames, values, f32::from_le_bytes),
            Element::F8 if in_rows => {
                gather_rows(data, self.frames(), frames, values, |bytes| f64::from_le_bytes(bytes) as f32);
            }
            Element::Unsigned(1) if in_rows => {
                gather_rows(data, self.frames(), frames, values, |[byte]: [u8; 1]| f32::from(byte));
            }
            _ => {
                for (row, values) in values.chunks_exact_mut(frames.len()).enumerate() {
                    values.iter_mut().zip(frames).for_each(|(value, &frame)| *value = self.at(row, frame));
                }
            }
        }
    }

    /// Has the file read ahead from its start: a clip touches nearly every page of a file whose rows are time.
    pub fn will_read_all(&self) {
        // Only advice.
        #[cfg(unix)]
        let _ = self.map.advise(memmap2::Advice::Sequential);
    }

    /// Reads a list of whole numbers.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it has more than one axis or its elements are no integers.
    pub fn to_integers(&self) -> Result<Vec<i64>> {
        let [length] = self.shape_of::<1>("n,")?;
        if !matches!(self.element(), Element::Unsigned(_) | Element::Signed(_)) {
            let problem = format!("elements of type '{}'; expected integers", self.element());
            return Err(Error::invalid(&self.path, problem));
        }
        Ok((0..length).map(|at| self.integer(at)).collect())
    }

    /// Reads a list of texts.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it has more than one axis or its elements are no text.
    pub fn to_texts(&self) -> Result<Vec<String>> {
        let [length] = self.shape_of::<1>("n,")?;
        let Element::Text(characters) = self.element() else {
            let problem = format!("elements of type '{}'; expected text ('<U')", self.element());
            return Err(Error::invalid(&self.path, problem));
        };
        if characters == 0 {
            // `length` is not bounded by the file's size then: an empty text takes no bytes.
            return Err(Error::invalid(&self.path, "only empty texts; expected a tier a trial"));
        }
        let text = |at: usize| -> Option<String> {
            let codes = (0..characters).map(|k| u32::from_le_bytes(self.bytes(at * characters + k)));
            codes.take_while(|&code| code != 0).map(char::from_u32).collect()
        };
        (0..length)
            .map(|at| {
                text(at).ok_or_else(|| Error::invalid(&self.path, format!("element {at} is not Unicode")))
            })
            .collect()
    }

    /// Returns the bytes of the element at `flat`, counted in elements of `N` bytes.
    #[inline]
    fn bytes<const N: usize>(&self, flat: usize) -> [u8; N] {
        let at = self.header.data_offset + flat * N;
        self.map[at..at + N].try_into().expect("a slice of N bytes")
    }

    fn integer(&self, flat: usize) -> i64 {
        match self.element() {
            Element::Unsigned(1) => self.bytes::<1>(flat)[0].into(),
            Element::Unsigned(2) => u16::from_le_bytes(self.bytes(flat)).into(),
            Element::Unsigned(4) => u32::from_le_bytes(self.bytes(flat)).into(),
            Element::Signed(1) => i8::from_le_bytes(self.bytes(flat)).into(),
            Element::Signed(2) => i16::from_le_bytes(self.bytes(flat)).into(),
            Element::Signed(4) => i32::from_le_bytes(self.bytes(flat)).into(),
            // An identifier keeps its bits: u8 beyond i64 is none that anybody counts with.
            Element::Unsigned(8) | Element::Signed(8) => i64::from_le_bytes(self.bytes(flat)),
            other => panic!("'{other}' is no number"),
        }
    }
}

/// Rows that are asked for before they are needed. A clip's frames are a few lines of memory in every row, each row in
/// another page: nothing else foresees them, and waiting for each takes three times as long.
const ROWS_AHEAD: usize = 24;

/// Asks for memory that will be read soon.
#[inline]
fn prefetch<const N: usize>(elements: &[[u8; N]]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        const LINE: usize = 64;
        let bytes = elements.as_flattened();
        for byte in bytes.iter().step_by(LINE).chain(bytes.last()) {
            // SAFETY: a hint about an address that may be read; it changes nothing.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = elements;
}

/// Writes the numbers at `frames` of every row of `length` elements.
#[inline]
fn gather_rows<const N: usize>(
    data: &[u8],
    length: usize,
    frames: &[usize],
    values: &mut [f32],
    number: impl Fn([u8; N]) -> f32,
) {
    let (elements, _) = data.as_chunks::<N>();
    let (first, last) = frames.iter().fold((length - 1, 0), |(a, b), &frame| (a.min(frame), b.max(frame)));
    for (at, values) in values.chunks_exact_mut(frames.len()).enumerate() {
        let row = &elements[at * length..][..length];
        if let Some(ahead) =
            elements.get((at + ROWS_AHEAD) * length..).and_then(|rows| rows.get(first..=last))
        {
            prefetch(ahead);
        }
        values.iter_mut().zip(frames).for_each(|(value, &frame)| *value = number(row[frame]));
    }
}

/// Writes numbers as `<f4` in C order.
///
/// # Errors
/// [`Error::Io`] when the file can't be written.
///
/// # Panics
/// When there are not as many values as the shape says.
pub fn write_numbers(path: &Path, shape: &[usize], values: impl IntoIterator<Item = f32>) -> Result<()> {
    let mut count = 0usize;
    let values = values.into_iter().inspect(|_| count += 1).map(f32::to_le_bytes);
    write(path, Element::F4, shape, values)?;
    assert_eq!(count, shape.iter().product::<usize>(), "values fill the shape");
    Ok(())
}

/// Writes whole numbers as `<i8`.
///
/// # Errors
/// [`Error::Io`] when the file can't be written.
pub fn write_integers(path: &Path, values: &[i64]) -> Result<()> {
    write(path, Element::Signed(8), &[values.len()], values.iter().map(|v| v.to_le_bytes()))
}

/// Writes texts as numpy's unicode, as wide as the longest.
///
/// # Errors
/// [`Error::Io`] when the file can't be written.
pub fn write_texts(path: &Path, texts: &[&str]) -> Result<()> {
    let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    let codes = texts.iter().flat_map(|text| {
        text.chars().map(u32::from).chain(std::iter::repeat(0)).take(width).map(u32::to_le_bytes)
    });
    write(path, Element::Text(width), &[texts.len()], codes)
}

fn write<const N: usize>(
    path: &Path,
    element: Element,
    shape: &[usize],
    values: impl Iterator<Item = [u8; N]>,
) -> Result<()> {
    let mut file = BufWriter::with_capacity(1 << 16, File::create(path).map_err(Error::io(path))?);
    file.write_all(&Header::format(element, shape)).map_err(Error::io(path))?;
    for value in values {
        file.write_all(&value).map_err(Error::io(path))?;
    }
    file.flush().map_err(Error::io(path))
}
