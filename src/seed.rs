//! Random streams named by what they are for, so that a result never depends on the clock or on
//! the order in which streams are drawn.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Opens the random stream of one purpose: `stream("demo", "cutmix", &["member_0"])`.
///
/// Two streams share nothing unless seed, purpose and all parts are equal.
pub fn stream(seed: &str, purpose: &str, parts: &[&str]) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new();
    for part in [seed, purpose].iter().chain(parts) {
        // The length first: ("ab", "c") and ("a", "bc") are different streams.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_differ_by_every_part_and_repeat_by_name() {
        let draw = |s: &str, p: &str, parts: &[&str]| stream(s, p, parts).random::<u64>();
        let first = draw("demo", "cutmix", &["a", "b"]);
        assert_eq!(first, draw("demo", "cutmix", &["a", "b"]));
        assert_ne!(first, draw("demo", "cutmix", &["ab"]));
        assert_ne!(first, draw("demo", "cutmix", &["b", "a"]));
        assert_ne!(first, draw("demo2", "cutmix", &["a", "b"]));
    }
}
