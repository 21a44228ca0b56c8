//! A string that is built at compile time, in a buffer of fixed size.
//!
//! The other files of `schema` write JSON into it. It checks no JSON: whoever writes an object
//! closes it before adding a member.

/// The most bytes of one schema; the reason is compile time, for each step copies the buffer.
pub const CAPACITY_BYTES: usize = 16 * 1024;

/// A constant string. Too much text is a compile error.
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; CAPACITY_BYTES],
    len: usize,
}

impl Text {
    /// No text.
    #[expect(clippy::new_without_default, reason = "a default is not const")]
    pub const fn new() -> Self {
        Self { bytes: [0; CAPACITY_BYTES], len: 0 }
    }

    /// How many bytes the text has.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no text.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The text.
    pub const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.as_bytes()) {
            Ok(text) => text,
            Err(_) => panic!("a text is made of whole strings"),
        }
    }

    const fn as_bytes(&self) -> &[u8] {
        self.bytes.split_at(self.len).0
    }

    /// The bytes as an array for a static; `N` must be [`Text::len`].
    pub const fn to_array<const N: usize>(&self) -> [u8; N] {
        assert!(N == self.len, "the array has the length of the text");
        let mut array = [0; N];
        array.copy_from_slice(self.as_bytes());
        array
    }

    /// Adds text as it is.
    pub const fn push(mut self, text: &str) -> Self {
        self.append(text.as_bytes());
        self
    }

    /// Adds a JSON string: quoted and escaped.
    pub const fn push_json(mut self, text: &str) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        self.append(b"\"");
        let mut rest = text.as_bytes();
        while let Some((&byte, tail)) = rest.split_first() {
            match byte {
                b'"' => self.append(b"\\\""),
                b'\\' => self.append(b"\\\\"),
                b'\n' => self.append(b"\\n"),
                0..0x20 => {
                    self.append(b"\\u00");
                    self.append(&[HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]]);
                }
                _ => self.append(&[byte]),
            }
            rest = tail;
        }
        self.append(b"\"");
        self
    }

    /// Adds a number in decimal digits.
    pub const fn push_integer(mut self, number: i128) -> Self {
        if number < 0 {
            self.append(b"-");
        }
        let number = number.unsigned_abs();
        let mut unit: u128 = 1;
        while number / unit >= 10 {
            unit *= 10;
        }
        while unit > 0 {
            self.append(&[b'0' + (number / unit % 10) as u8]);
            unit /= 10;
        }
        self
    }

    /// By reference, since each copy of the buffer costs compile time.
    const fn append(&mut self, bytes: &[u8]) {
        assert!(
            bytes.len() <= CAPACITY_BYTES - self.len,
            "the schema of this job is longer than 16384 bytes: shorten its doc comments, or \
             leave a part of it without `Schema`"
        );
        let free = self.bytes.split_at_mut(self.len).1;
        free.split_at_mut(bytes.len()).0.copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_quoted_and_escaped_as_json_has_it() {
        for text in ["", "plain", "\"\\\n\t\u{1f}", "é ∑ 🦀"] {
            let json = Text::new().push_json(text);
            assert_eq!(serde_json::from_str::<String>(json.as_str()).unwrap(), text);
        }
    }

    #[test]
    fn a_number_has_all_its_digits() {
        for number in [0, 7, -10, i128::from(u64::MAX), i128::MAX, i128::MIN] {
            assert_eq!(Text::new().push_integer(number).as_str(), number.to_string());
        }
    }

    #[test]
    #[should_panic = "the schema of this job is longer than 16384 bytes"]
    fn too_much_text_is_refused() {
        Text::new().push(&"x".repeat(CAPACITY_BYTES + 1));
    }

    #[test]
    fn the_array_is_exactly_the_text() {
        const TEXT: Text = Text::new().push("abc");
        assert_eq!(TEXT.to_array::<{ TEXT.len() }>(), *b"abc");
    }
}
