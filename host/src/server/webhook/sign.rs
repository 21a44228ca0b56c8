//! Signatures as Standard Webhooks 1.0 has them (the symmetric scheme, `v1`), and the secrets that make them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// What the text of every secret begins with.
const PREFIX: &str = "whsec_";
/// How many bytes a secret may have, by the standard: 192 to 512 bits.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// How many a new one has: as many as the hash gives.
const FRESH_BYTES: usize = 32;

/// A secret that a receiver knows too.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Vec<u8>);

impl Secret {
    /// A new one.
    pub(crate) fn fresh() -> Self {
        let mut bytes = vec![0; FRESH_BYTES];
        getrandom::fill(&mut bytes).expect("the operating system has random bytes");
        Secret(bytes)
    }

    /// Reads `whsec_` and standard base64, padded, of 24 to 64 bytes.
    ///
    /// # Errors
    /// What was found, without the secret.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let encoded = text.strip_prefix(PREFIX).ok_or("another beginning")?;
        let bytes = STANDARD.decode(encoded).map_err(|_| "something else than base64 after it")?;
        if BYTES.contains(&bytes.len()) { Ok(Secret(bytes)) } else { Err(format!("{} bytes", bytes.len())) }
    }

    /// The text that receivers are set up with.
    pub(crate) fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The `webhook-signature` of a message: one signature for each secret, so that a receiver that knows any of them is
/// content. The id has no full stop in it; the timestamp is that of the try, in seconds.
pub(super) fn signature(secrets: &[Secret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signatures: Vec<_> = secrets.iter().map(|secret| secret.sign(id, timestamp, body)).collect();
    signatures.join(" ")
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whsec_…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_is_signed_as_there() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signature = signature(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_secret_signs() {
        let (old, new) = (Secret::fresh(), Secret::fresh());
        let both = signature(&[new.clone(), old.clone()], "a", 1, b"{}");
        assert_eq!(both, format!("{} {}", signature(&[new], "a", 1, b"{}"), signature(&[old], "a", 1, b"{}")));
    }

    #[test]
    fn a_secret_is_read_as_it_is_written_and_nothing_else_is() {
        let secret = Secret::fresh();
        assert_eq!(Secret::parse(&secret.text()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "whsec_…");
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        assert!(Secret::parse(&of(24)).is_ok() && Secret::parse(&of(64)).is_ok());
        for text in [of(23), of(65), STANDARD.encode([7; 32]), "whsec_".to_owned(), "whsec_!".to_owned()] {
            Secret::parse(&text).expect_err(&text);
        }
    }
}
