//! JSON objects in a `Text`: members added to a schema, and the schema of a struct.
//!
//! Called by the code that the macros write and by `types.rs`. A member is added to a closed
//! object, so that whoever has a schema can describe it further.

use super::text::Text;

impl Text {
    /// An object without members; as a schema, any value.
    pub const fn object() -> Self {
        Self::new().push("{}")
    }

    /// Adds a member whose value is a string.
    pub const fn with_string(self, key: &str, value: &str) -> Self {
        self.open_member(key).push_json(value).push("}")
    }

    /// Adds a member whose value is JSON already.
    pub const fn with_json(self, key: &str, json: &str) -> Self {
        self.open_member(key).push(json).push("}")
    }

    /// Adds a member whose value is a number.
    pub const fn with_integer(self, key: &str, value: i128) -> Self {
        self.open_member(key).push_integer(value).push("}")
    }

    /// Describes the object, in place of the description that it has: what an argument says of
    /// itself counts more than what its type says.
    pub const fn described(self, description: &str) -> Self {
        self.without_description().with_first("description", description)
    }

    /// Relies on `described`: a description is the first member.
    const fn without_description(self) -> Self {
        const FIRST: &str = "{\"description\":\"";
        let json = self.as_str().as_bytes();
        let mut place = 0;
        while place < FIRST.len() {
            if place == json.len() || json[place] != FIRST.as_bytes()[place] {
                return self;
            }
            place += 1;
        }
        while json[place] != b'"' {
            place += if json[place] == b'\\' { 2 } else { 1 };
        }
        // What follows is the closing brace, or a comma and the other members.
        let others = self.as_str().split_at(place + 1).1;
        match others.len() {
            1 => Self::object(),
            _ => Self::new().push("{").push(others.split_at(1).1),
        }
    }

    /// The same object with one more member, before all others.
    pub const fn with_first(self, key: &str, value: &str) -> Self {
        let first = Self::object().with_string(key, value);
        match self.has_members() {
            true => first.reopen().push(",").push(self.as_str().split_at(1).1),
            false => first,
        }
    }

    const fn open_member(self, key: &str) -> Self {
        let separator = if self.has_members() { "," } else { "" };
        self.reopen().push(separator).push_json(key).push(":")
    }

    const fn has_members(&self) -> bool {
        self.len() > "{}".len()
    }

    /// Without the closing brace.
    const fn reopen(self) -> Self {
        let json = self.as_str();
        Self::new().push(json.split_at(json.len() - 1).0)
    }
}

/// The schema of an object with named members: a struct's, or a job's arguments.
pub struct Object {
    properties: Text,
    required: Text,
}

impl Object {
    /// No members.
    #[expect(clippy::new_without_default, reason = "a default is not const")]
    pub const fn new() -> Self {
        Self { properties: Text::object(), required: Text::new() }
    }

    /// Adds a member; one that is not required may be left out.
    pub const fn property(self, name: &str, schema: Text, required: bool) -> Self {
        let separator = if self.required.is_empty() { "" } else { "," };
        Self {
            properties: self.properties.with_json(name, schema.as_str()),
            required: match required {
                true => self.required.push(separator).push_json(name),
                false => self.required,
            },
        }
    }

    /// The schema; a closed one refuses members that were not added.
    pub const fn finish(self, closed: bool) -> Text {
        let schema = Text::new().push("{\"type\":\"object\"}").with_json("properties", self.properties.as_str());
        let schema = match self.required.is_empty() {
            true => schema,
            false => {
                let required = Text::new().push("[").push(self.required.as_str()).push("]");
                schema.with_json("required", required.as_str())
            }
        };
        match closed {
            true => schema.with_json("additionalProperties", "false"),
            false => schema,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_added_in_order() {
        let object = Text::object().with_string("a", "x").with_integer("b", 1);
        assert_eq!(object.as_str(), r#"{"a":"x","b":1}"#);
        assert_eq!(object.with_first("c", "y").as_str(), r#"{"c":"y","a":"x","b":1}"#);
    }

    #[test]
    fn a_description_gives_way_to_a_later_one() {
        let object = Text::object().described("a \"b\" \\");
        assert_eq!(object.described("c").as_str(), r#"{"description":"c"}"#);
        let object = object.with_integer("d", 1).described("c");
        assert_eq!(object.as_str(), r#"{"description":"c","d":1}"#);
    }

    #[test]
    fn an_object_lists_what_is_required() {
        let any = Text::object();
        let object = Object::new().property("a", any, true).property("b", any, false);
        assert_eq!(
            object.finish(true).as_str(),
            r#"{"type":"object","properties":{"a":{},"b":{}},"required":["a"],"additionalProperties":false}"#
        );
    }

    #[test]
    fn an_open_object_without_requirements_says_neither() {
        assert_eq!(Object::new().finish(false).as_str(), r#"{"type":"object","properties":{}}"#);
    }
}
