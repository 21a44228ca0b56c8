//! A reader of XML that is as strict as the reports need it: it takes well-formed documents and nothing else.

/// One element.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("<{}> has no {name}", self.name))
    }

    pub(super) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.children.iter().map(|child| child.name.as_str()).collect()
    }
}

/// The root of a document. Panics where it is not well-formed.
pub(super) fn parse(document: &str) -> Element {
    let is_char =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(document.chars().all(is_char), "a character that XML 1.0 does not have");
    let rest = document.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").expect("a declaration");
    let (root, rest) = element(rest);
    assert_eq!(rest.trim(), "", "nothing after the root");
    root
}

fn element(text: &str) -> (Element, &str) {
    let (head, mut rest) = text.strip_prefix('<').expect("a tag").split_once('>').expect("the end of a tag");
    let (head, is_empty) = head.strip_suffix('/').map_or((head, false), |head| (head, true));
    let (name, attributes) = head.split_once(' ').unwrap_or((head, ""));
    assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "a name: {name:?}");
    let mut element = Element { name: name.to_owned(), attributes: pairs(attributes), ..Element::default() };
    if is_empty {
        return (element, rest);
    }
    loop {
        let (text, after) = rest.split_at(rest.find('<').expect("the end of an element"));
        element.text.push_str(&decoded(text));
        if let Some(after) = after.strip_prefix(&format!("</{name}>")) {
            return (element, after);
        }
        let (child, after) = self::element(after);
        element.children.push(child);
        rest = after;
    }
}

fn pairs(mut text: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    while !text.is_empty() {
        let (name, after) = text.split_once("=\"").expect("an attribute");
        let (value, after) = after.split_once('"').expect("the end of an attribute");
        assert!(!value.contains('<') && !value.contains('\n'), "an attribute: {value:?}");
        assert!(pairs.iter().all(|(other, _)| other != name), "an attribute given twice: {name}");
        pairs.push((name.to_owned(), decoded(value)));
        text = after.trim_start();
    }
    pairs
}

fn decoded(text: &str) -> String {
    assert!(!text.contains("]]>"), "the end of a section that is none");
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, after) = part.split_once(';').expect("the end of an entity");
        let character = match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            _ => {
                entity.strip_prefix('#').and_then(|code| code.parse().ok()).and_then(char::from_u32).expect("an entity")
            }
        };
        plain.push(character);
        plain.push_str(after);
    }
    plain
}
