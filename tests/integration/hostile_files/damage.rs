//! Damages files the ways that find faults in readers: bits flip, pieces go, come twice or come from another
//! file, and numbers, in binary or in text, become those that nobody expects.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Counts and lengths that overflow a product, a sum or a signed type, or claim more than any machine has.
const NUMBERS: [u64; 12] = [
    0,
    1,
    0x7f,
    0xffff,
    1 << 31,
    u32::MAX as u64,
    1_000_000_000_000_000_000,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 7,
    u64::MAX - 1,
    // Also -1.
    u64::MAX,
];

/// The same in text, and what is no count at all.
const TEXTS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "4294967296",
    "1000000000000000000",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
    "nan",
    "",
    "[]",
    "null",
    "\"x\"",
];

/// Damages `bytes` in one to four places; pieces may come from one of `others`.
pub fn damage(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    for _ in 0..rng.random_range(1..=4) {
        damage_once(rng, bytes, others);
    }
}

fn damage_once(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    if bytes.is_empty() {
        return;
    }
    let at = place(rng, bytes.len());
    match rng.random_range(0..12) {
        0 | 1 => bytes[at] ^= 1 << rng.random_range(0..8),
        2 => bytes[at] = rng.random(),
        3 | 4 => number(rng, bytes, at),
        5..=7 => text(rng, bytes, at),
        8 => bytes.truncate(at),
        9 => {
            let piece = piece(rng, bytes, at);
            bytes.drain(piece);
        }
        10 => {
            let copy = bytes[piece(rng, bytes, at)].to_vec();
            let to = place(rng, bytes.len());
            bytes.splice(to..to, copy);
        }
        _ => splice(rng, bytes, at, others),
    }
}

/// Picks a place: as likely near the start, near the end and anywhere, because headers and directories are where
/// a file is fragile.
fn place(rng: &mut ChaCha8Rng, length: usize) -> usize {
    const NEAR: usize = 256;
    match rng.random_range(0..3) {
        0 => rng.random_range(0..length.min(NEAR)),
        1 => length - 1 - rng.random_range(0..length.min(NEAR)),
        _ => rng.random_range(0..length),
    }
}

/// A range from `at` on, short ones as likely as long ones.
fn piece(rng: &mut ChaCha8Rng, bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let longest = 1usize << rng.random_range(0..12);
    at..(at + rng.random_range(1..=longest)).min(bytes.len())
}

/// Overwrites a number of 1, 2, 4 or 8 bytes, of either order.
fn number(rng: &mut ChaCha8Rng, bytes: &mut [u8], at: usize) {
    let size = 1 << rng.random_range(0..4);
    let value = NUMBERS[rng.random_range(0..NUMBERS.len())];
    let little = value.to_le_bytes();
    let big: Vec<u8> = little[..size].iter().rev().copied().collect();
    let value = if rng.random() { &little[..size] } else { &big };
    // Numbers mostly stand at multiples of their size.
    let at = if rng.random() { at / size * size } else { at };
    bytes[at..].iter_mut().zip(value).for_each(|(byte, new)| *byte = *new);
}

/// Replaces the next number in text after `at`, or else the first.
fn text(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, at: usize) {
    let digit = |from: usize| bytes[from..].iter().position(u8::is_ascii_digit).map(|found| from + found);
    let Some(start) = digit(at).or_else(|| digit(0)) else { return };
    let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let new = TEXTS[rng.random_range(0..TEXTS.len())];
    bytes.splice(start..start + length, new.bytes());
}

/// Puts a piece of another file, or of this one, over what stands at `at`, or between.
fn splice(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, at: usize, others: &[Vec<u8>]) {
    let other = match others.len() {
        0 => bytes.clone(),
        count => others[rng.random_range(0..count)].clone(),
    };
    if other.is_empty() {
        return;
    }
    let from = place(rng, other.len());
    let new = &other[piece(rng, &other, from)];
    let end = if rng.random() { at } else { (at + new.len()).min(bytes.len()) };
    bytes.splice(at..end, new.iter().copied());
}
