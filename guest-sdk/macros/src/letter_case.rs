//! The names that serde's `rename_all` gives.
//!
//! Called by `derive`. A rule that serde does not know is left to serde to complain about.

/// A `rename_all` rule: how the words of a name are written and joined.
#[derive(Clone, Copy)]
pub(crate) struct LetterCase {
    first: fn(&str) -> String,
    others: fn(&str) -> String,
    field_joint: &'static str,
    variant_joint: &'static str,
}

impl LetterCase {
    pub(crate) fn named(rule: &str) -> Option<Self> {
        type Write = fn(&str) -> String;
        let (first, others, field_joint, variant_joint): (Write, Write, _, _) = match rule {
            // These two change letters only, so that a field keeps its underscores.
            "lowercase" => (lower, lower, "_", ""),
            "UPPERCASE" => (upper, upper, "_", ""),
            "PascalCase" => (capital, capital, "", ""),
            "camelCase" => (lower, capital, "", ""),
            "snake_case" => (lower, lower, "_", "_"),
            "SCREAMING_SNAKE_CASE" => (upper, upper, "_", "_"),
            "kebab-case" => (lower, lower, "-", "-"),
            "SCREAMING-KEBAB-CASE" => (upper, upper, "-", "-"),
            _ => return None,
        };
        Some(Self { first, others, field_joint, variant_joint })
    }

    /// Renames a field, whose words are apart at underscores.
    pub(crate) fn field(self, name: &str) -> String {
        let words = name.split('_').filter(|word| !(word.is_empty() && self.field_joint.is_empty()));
        self.join(words.map(str::to_owned), self.field_joint)
    }

    /// Renames a variant, whose words begin at capitals.
    pub(crate) fn variant(self, name: &str) -> String {
        let mut words: Vec<String> = Vec::new();
        for letter in name.chars() {
            match words.last_mut() {
                Some(word) if !letter.is_uppercase() => word.push(letter),
                _ => words.push(letter.to_string()),
            }
        }
        self.join(words.into_iter(), self.variant_joint)
    }

    fn join(self, words: impl Iterator<Item = String>, joint: &str) -> String {
        let write = |(place, word): (usize, String)| match place {
            0 => (self.first)(&word),
            _ => (self.others)(&word),
        };
        words.enumerate().map(write).collect::<Vec<_>>().join(joint)
    }
}

fn lower(word: &str) -> String {
    word.to_lowercase()
}

fn upper(word: &str) -> String {
    word.to_uppercase()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(rule: &str) -> (String, String) {
        let case = LetterCase::named(rule).unwrap();
        (case.field("very_tasty"), case.variant("VeryTasty"))
    }

    /// The table is serde's: <https://serde.rs/container-attrs.html#rename_all>.
    #[test]
    fn names_are_written_as_serde_writes_them() {
        let pair = |field: &str, variant: &str| (field.to_owned(), variant.to_owned());
        assert_eq!(renamed("lowercase"), pair("very_tasty", "verytasty"));
        assert_eq!(renamed("UPPERCASE"), pair("VERY_TASTY", "VERYTASTY"));
        assert_eq!(renamed("PascalCase"), pair("VeryTasty", "VeryTasty"));
        assert_eq!(renamed("camelCase"), pair("veryTasty", "veryTasty"));
        assert_eq!(renamed("snake_case"), pair("very_tasty", "very_tasty"));
        assert_eq!(renamed("SCREAMING_SNAKE_CASE"), pair("VERY_TASTY", "VERY_TASTY"));
        assert_eq!(renamed("kebab-case"), pair("very-tasty", "very-tasty"));
        assert_eq!(renamed("SCREAMING-KEBAB-CASE"), pair("VERY-TASTY", "VERY-TASTY"));
    }

    #[test]
    fn an_unknown_rule_is_none() {
        assert!(LetterCase::named("sPoNgE").is_none());
    }
}
