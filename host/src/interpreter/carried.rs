//! The interpreters that this build carries, compressed, as `build.rs` found them.

use std::io::Read as _;

use serde_json::Value;

use super::Interpreter;
use crate::error::Error;
use crate::job::Digest;

/// One carried interpreter.
struct Carried {
    language: &'static str,
    digest: &'static str,
    size_bytes: usize,
    /// The section `ampule:about`.
    about: &'static str,
    /// The bytes, compressed by zstd.
    packed: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/carried.rs"));

impl Carried {
    fn interpreter(&'static self) -> Interpreter {
        let digest: Digest = self.digest.parse().expect("written by the build script");
        let about: Option<Value> = serde_json::from_str(self.about).ok();
        Interpreter {
            size_bytes: Some(self.size_bytes),
            about,
            ..Interpreter::fetched(self.language, digest, || self.unpacked())
        }
    }

    fn unpacked(&self) -> Result<Vec<u8>, Error> {
        let fault = |message: String| Error::Interpreter { language: self.language.to_owned(), message };
        let mut wasm = Vec::with_capacity(self.size_bytes);
        let mut packed =
            ruzstd::decoding::StreamingDecoder::new(self.packed).map_err(|error| fault(error.to_string()))?;
        packed.read_to_end(&mut wasm).map_err(|error| fault(error.to_string()))?;
        Ok(wasm)
    }
}

pub(super) fn all() -> Vec<Interpreter> {
    CARRIED.iter().map(Carried::interpreter).collect()
}
