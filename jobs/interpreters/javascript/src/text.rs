//! Text as the parsers of QuickJS take it: UTF-8 with a zero after its end, which is not part of it.

use std::ops::Deref;

/// Bytes and one zero after them.
pub(crate) struct Text(Vec<u8>);

impl Text {
    /// So many zeros, to be written over.
    pub(crate) fn zeroed(len: usize) -> Self {
        Text(vec![0; len + 1])
    }

    /// These parts, one after the other.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len()).sum::<usize>() + 1);
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        bytes.push(0);
        Text(bytes)
    }

    /// Where the host writes.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr()
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0[..self.0.len() - 1]
    }
}
