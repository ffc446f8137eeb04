//! The secret in the page's address: other users of the machine can reach 127.0.0.1 too, but don't know it.

use rand::TryRngCore;
use rand::rngs::OsRng;

use crate::error::{Error, Result};

/// 16 bytes: nobody guesses 128 bits.
const BYTES: usize = 16;

/// A secret. Unlike all else that is random here it comes from the system and not from a name: who knows the
/// experiment should not know it.
pub(super) struct Token(String);

impl Token {
    /// Draws one.
    ///
    /// # Errors
    /// [`Error::Failed`] when the system has no randomness to give.
    pub fn new() -> Result<Self> {
        let mut bytes = [0; BYTES];
        let drawn = OsRng.try_fill_bytes(&mut bytes);
        drawn.map_err(|e| Error::Failed(format!("the system gave no random numbers: {e}")))?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// As it stands in the address.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Says whether a text is the token, in a time that does not tell how much of it is right.
    pub fn is(&self, text: &str) -> bool {
        let pairs = self.0.bytes().zip(text.bytes());
        self.0.len() == text.len() && pairs.fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_knows_itself_alone_and_no_two_are_equal() {
        let (token, other) = (Token::new().unwrap(), Token::new().unwrap());
        assert_eq!(token.text().len(), 2 * BYTES);
        assert!(token.is(token.text()) && !token.is(other.text()));
        assert!(!token.is("") && !token.is(&token.text()[1..]) && !token.is(&format!("{}0", token.text())));
    }
}
