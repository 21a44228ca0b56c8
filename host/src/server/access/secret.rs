//! The text of a token: how it is made, what in it is public, and the hash that is all that is kept of it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What every token begins with, so that a leaked one is found by whoever scans for it.
const PREFIX: &str = "amp_";
/// The public part, by which a token is found: sixty bits.
const ID_CHARS: usize = 12;
/// The secret part: a hundred and sixty bits, which nobody guesses and which need no slow hash.
const SECRET_CHARS: usize = 32;

/// The SHA-256 of a whole token. Two are compared in the same time whatever they are.
#[derive(Clone, Copy, Eq)]
pub(super) struct Hash([u8; 32]);

/// A new id.
pub(super) fn fresh_id() -> String {
    letters(ID_CHARS)
}

/// The whole text of a new token with this id.
pub(super) fn fresh_text(id: &str) -> String {
    format!("{PREFIX}{id}_{}", letters(SECRET_CHARS))
}

/// The id in a text that has the shape of a token.
pub(super) fn id_of(text: &str) -> Option<&str> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    (is_id(id) && is_plain(secret, SECRET_CHARS)).then_some(id)
}

/// Whether a text has the shape of an id.
pub(super) fn is_id(text: &str) -> bool {
    is_plain(text, ID_CHARS)
}

fn is_plain(text: &str, chars: usize) -> bool {
    text.len() == chars && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Random letters and digits that are not mistaken for each other: five bits each.
fn letters(count: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    bytes.into_iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

impl Hash {
    pub(super) fn of(text: &str) -> Self {
        Hash(Sha256::digest(text).into())
    }
}

impl PartialEq for Hash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(..)")
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = || serde::de::Error::custom("expected 64 hexadecimal digits");
        let text = String::deserialize(deserializer)?;
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(expected());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(0..) {
            *byte = u8::from_str_radix(&text[2 * pair..2 * pair + 2], 16).map_err(|_| expected())?;
        }
        Ok(Hash(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_its_id_if_it_has_the_shape_of_a_token() {
        let id = fresh_id();
        let text = fresh_text(&id);
        assert_eq!((id_of(&text), text.len()), (Some(&*id), 4 + 12 + 1 + 32));
        let longer = format!("{text}a");
        let shouted = text.to_uppercase();
        for wrong in ["", "amp_", "amp__", "amp_abc_def", &text[1..], &text[..text.len() - 1], &*longer, &*shouted] {
            assert_eq!(id_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_two_tokens_are_the_same() {
        let id = fresh_id();
        assert_ne!(id, fresh_id());
        assert_ne!(fresh_text(&id), fresh_text(&id));
    }

    #[test]
    fn a_hash_is_read_as_it_was_written_and_shows_nothing_in_a_log() {
        let hash = Hash::of("abc");
        let written = serde_json::to_string(&hash).unwrap();
        assert_eq!(written, "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"");
        assert_eq!(serde_json::from_str::<Hash>(&written).unwrap(), hash);
        assert_ne!(Hash::of("abd"), hash);
        assert_eq!(format!("{hash:?}"), "Hash(..)");
        assert!(serde_json::from_str::<Hash>("\"ba78\"").is_err());
    }
}
