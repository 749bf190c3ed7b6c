//! Types written as text: `list[int]`, `dict[str, float]`, `Optional[str]`, `Literal['a', 'b']`, `string | null`,
//! `number[]`, `Map<String, Double>`.

use serde_json::{Map, Number, Value, json};

use super::names::{Named, named};

/// What a text means: a piece of a schema.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parsed {
    pub(super) schema: Map<String, Value>,
    /// It said `tuple` and no more: a list of its items says how long it is.
    pub(super) tuple: bool,
}

impl Parsed {
    pub(super) fn new(schema: Map<String, Value>) -> Self {
        Self { schema, tuple: false }
    }
}

/// The longest text that is read, in bytes, and how deep its brackets may go.
const LONGEST: usize = 4_096;
const DEEPEST: usize = 32;

/// Reads a type; none when it is not understood.
pub(super) fn parse(text: &str) -> Option<Parsed> {
    let text = text.trim();
    let text = text.strip_prefix("<class '").and_then(|text| text.strip_suffix("'>")).unwrap_or(text);
    if text.len() > LONGEST {
        return None;
    }
    if let Some(named) = named(text) {
        return Some(of_name(named));
    }
    let mut reader = Reader { rest: text, depth: 0 };
    let parsed = reader.union()?;
    reader.rest.trim().is_empty().then_some(parsed)
}

fn of_name(named: Named) -> Parsed {
    let schema = match named {
        Named::Type(name) => object(json!({ "type": name })),
        Named::Set => object(json!({"type": "array", "uniqueItems": true})),
        Named::Tuple => return Parsed { schema: object(json!({"type": "array"})), tuple: true },
        Named::Any => Map::new(),
    };
    Parsed::new(schema)
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn union(&mut self) -> Option<Parsed> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        // TypeScript allows a bar in front of the first alternative.
        self.eat("|");
        let first = self.item()?;
        if !self.at("|") {
            self.depth -= 1;
            return Some(first);
        }
        let mut all = vec![first.schema];
        while self.eat("|") {
            all.push(self.item()?.schema);
        }
        self.depth -= 1;
        Some(Parsed::new(union(all)))
    }

    fn item(&mut self) -> Option<Parsed> {
        let mut parsed = self.primary()?;
        loop {
            if self.eat("[]") {
                parsed = Parsed::new(object(json!({"type": "array", "items": parsed.schema})));
            } else if self.eat("?") {
                parsed = Parsed::new(union(vec![parsed.schema, object(json!({"type": "null"}))]));
            } else {
                return Some(parsed);
            }
        }
    }

    fn primary(&mut self) -> Option<Parsed> {
        if self.eat("(") {
            let inner = self.union()?;
            return self.eat(")").then_some(inner);
        }
        if let Some(value) = self.literal() {
            return Some(Parsed::new(object(json!({ "enum": [value] }))));
        }
        let name = self.name()?;
        let close = if self.at("[") && !self.at("[]") {
            "]"
        } else if self.at("<") {
            ">"
        } else {
            return Some(of_name(named(name)?));
        };
        self.rest = self.rest.trim_start().get(1..)?;
        let parsed = self.generic(name, close)?;
        self.eat(close).then_some(parsed)
    }

    /// What a name with arguments means; stands behind the opening bracket, and leaves the closing one.
    fn generic(&mut self, name: &str, close: &str) -> Option<Parsed> {
        let last = name.rsplit('.').next().unwrap_or(name);
        match last.to_ascii_lowercase().as_str() {
            "optional" => {
                let inner = self.only()?;
                return Some(Parsed::new(union(vec![inner, object(json!({"type": "null"}))])));
            }
            "union" => return Some(Parsed::new(union(self.arguments(close)?))),
            "literal" => {
                let mut values = Vec::new();
                loop {
                    values.push(self.constant()?);
                    if !self.eat(",") || self.at(close) {
                        break;
                    }
                }
                return Some(Parsed::new(object(json!({ "enum": distinct(values) }))));
            }
            "annotated" | "final" | "required" | "notrequired" | "readonly" | "classvar" | "partial"
            | "promise" | "awaitable" | "box" | "arc" => {
                let inner = self.only()?;
                self.skip_to(close);
                return Some(Parsed::new(inner));
            }
            "option" => return Some(Parsed::new(union(vec![self.only()?, object(json!({"type": "null"}))]))),
            _ => {}
        }
        let schema = match named(name)? {
            Named::Type("array") => json!({"type": "array", "items": self.only()?}),
            Named::Set => json!({"type": "array", "items": self.only()?, "uniqueItems": true}),
            Named::Type("object") => {
                let mut arguments = self.arguments(close)?;
                let values = arguments.pop()?;
                let keys = arguments.pop().unwrap_or_default();
                let mut schema = json!({"type": "object", "additionalProperties": values});
                if let (Some(names), Some(schema)) = (keys.get("enum"), schema.as_object_mut()) {
                    schema.insert("propertyNames".to_owned(), json!({ "enum": names }));
                }
                if arguments.is_empty() { schema } else { return None }
            }
            Named::Tuple => {
                if self.eat("()") {
                    return Some(Parsed::new(object(json!({"type": "array", "maxItems": 0}))));
                }
                let mut items = vec![self.union()?.schema];
                loop {
                    if !self.eat(",") || self.at(close) {
                        break;
                    }
                    if self.eat("...") {
                        let item = items.pop()?;
                        let schema = json!({"type": "array", "items": item});
                        return items.is_empty().then(|| Parsed::new(object(schema)));
                    }
                    items.push(self.union()?.schema);
                }
                let length = items.len();
                json!({"type": "array", "prefixItems": items, "minItems": length, "maxItems": length})
            }
            Named::Type(_) | Named::Any => return None,
        };
        Some(Parsed::new(object(schema)))
    }

    fn only(&mut self) -> Option<Map<String, Value>> {
        self.union().map(|parsed| parsed.schema)
    }

    fn arguments(&mut self, close: &str) -> Option<Vec<Map<String, Value>>> {
        let mut all = vec![self.only()?];
        while self.eat(",") && !self.at(close) {
            all.push(self.only()?);
        }
        Some(all)
    }

    /// Passes by what stands before the closing bracket: remarks of `Annotated`, which say nothing about the type.
    fn skip_to(&mut self, close: &str) {
        let mut open = 0_usize;
        for (index, byte) in self.rest.bytes().enumerate() {
            match byte {
                b'[' | b'<' | b'(' => open += 1,
                _ if open == 0 && close.as_bytes().first() == Some(&byte) => {
                    self.rest = self.rest.get(index..).unwrap_or_default();
                    return;
                }
                b']' | b'>' | b')' => open = open.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// A value inside `Literal[…]`.
    fn constant(&mut self) -> Option<Value> {
        if let Some(value) = self.literal() {
            return Some(value);
        }
        Some(match self.name()? {
            "True" | "true" => Value::Bool(true),
            "False" | "false" => Value::Bool(false),
            "None" | "null" => Value::Null,
            _ => return None,
        })
    }

    /// A text in quotes, or a number.
    fn literal(&mut self) -> Option<Value> {
        let rest = self.rest.trim_start();
        let first = rest.chars().next()?;
        if matches!(first, '\'' | '"' | '`') {
            let body = rest.get(1..)?;
            let end = body.find(first)?;
            self.rest = body.get(end + 1..)?;
            return Some(Value::String(body.get(..end)?.to_owned()));
        }
        if !(first.is_ascii_digit() || first == '-') {
            return None;
        }
        let numeric = |byte: char| byte.is_ascii_digit() || matches!(byte, '-' | '+' | '.' | 'e' | 'E');
        let end = rest.find(|byte| !numeric(byte)).unwrap_or(rest.len());
        let (text, rest) = rest.split_at_checked(end)?;
        let number: Number = text.parse().ok()?;
        self.rest = rest;
        Some(Value::Number(number))
    }

    fn name(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let of_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '-' | ' ');
        let end = rest.find(|char| !of_name(char)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at_checked(end)?;
        self.rest = rest;
        let name = name.trim();
        (!name.is_empty()).then_some(name)
    }

    fn at(&self, token: &str) -> bool {
        self.rest.trim_start().starts_with(token)
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

/// One schema that takes what any of these takes. Types are listed in one place where that says the same, since a fault
/// then has the path of the value and not that of the choice.
pub(super) fn union(alternatives: Vec<Map<String, Value>>) -> Map<String, Value> {
    if alternatives.iter().any(Map::is_empty) {
        return Map::new();
    }
    let mut values = Vec::new();
    let mut rest: Vec<Map<String, Value>> = Vec::new();
    for alternative in alternatives {
        match alternative.get("enum").and_then(Value::as_array).filter(|_| alternative.len() == 1) {
            Some(listed) => values.extend(listed.iter().cloned()),
            None if !rest.contains(&alternative) => rest.push(alternative),
            None => {}
        }
    }
    let only_null = rest.iter().all(|alternative| alternative.len() == 1 && types(alternative) == ["null"]);
    if !values.is_empty() && only_null {
        if !rest.is_empty() {
            values.push(Value::Null);
        }
        return object(json!({ "enum": distinct(values) }));
    }
    if values.is_empty()
        && let Some(merged) = merged(&rest)
    {
        return merged;
    }
    if !values.is_empty() {
        rest.push(object(json!({ "enum": distinct(values) })));
    }
    object(json!({ "anyOf": rest }))
}

/// All of them in one, when no two speak of the same type or have a keyword in common.
fn merged(alternatives: &[Map<String, Value>]) -> Option<Map<String, Value>> {
    let mut whole = Map::new();
    let mut listed: Vec<Value> = Vec::new();
    for alternative in alternatives {
        let mine = types(alternative);
        let speaks_of_one = mine.len() == 1 || alternative.len() == 1;
        if mine.is_empty()
            || !speaks_of_one
            || mine.iter().any(|name| listed.iter().any(|known| known == name))
        {
            return None;
        }
        listed.extend(mine.into_iter().map(Value::from));
        for (key, value) in alternative.iter().filter(|(key, _)| *key != "type") {
            if !SPEAKS_OF_ONE_TYPE.contains(&key.as_str()) || whole.contains_key(key) {
                return None;
            }
            whole.insert(key.clone(), value.clone());
        }
    }
    let types = match listed.len() {
        1 => listed.pop()?,
        _ => Value::Array(listed),
    };
    whole.insert("type".to_owned(), types);
    Some(whole)
}

/// Keywords that say nothing about values of other types. Those of numbers are left out: `integer` and `number` are two
/// types and share them.
const SPEAKS_OF_ONE_TYPE: [&str; 14] = [
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "uniqueItems",
    "additionalProperties",
    "propertyNames",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
];

fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn distinct(values: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::with_capacity(values.len());
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Value) {
        let parsed = parse(text).map(|parsed| Value::Object(parsed.schema));
        assert_eq!(parsed, Some(expected), "{text}");
    }

    #[test]
    fn types_in_the_words_of_many_languages_are_understood() {
        check("STRING", json!({"type": "string"}));
        check("typing.List[int]", json!({"type": "array", "items": {"type": "integer"}}));
        check(
            "list[dict[str, float]]",
            json!({"type": "array", "items": {"type": "object", "additionalProperties": {"type": "number"}}}),
        );
        check("Optional[str]", json!({"type": ["string", "null"]}));
        check("str | None", json!({"type": ["string", "null"]}));
        check("int|float", json!({"type": ["integer", "number"]}));
        check("Union[list[int], str]", json!({"type": ["array", "string"], "items": {"type": "integer"}}));
        check(
            "list[int] | list[str]",
            json!({"anyOf": [
            {"type": "array", "items": {"type": "integer"}}, {"type": "array", "items": {"type": "string"}}]}),
        );
        check("Literal['a', \"b\", 1, True, None]", json!({"enum": ["a", "b", 1, true, null]}));
        check("'a' | 'b' | null", json!({"enum": ["a", "b", null]}));
        check(
            "tuple[int, str]",
            json!({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}],
            "minItems": 2, "maxItems": 2}),
        );
        check("Tuple[float, ...]", json!({"type": "array", "items": {"type": "number"}}));
        check("set[str]", json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}));
        check(
            "Map<String, List<Integer>>",
            json!({"type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "integer"}}}),
        );
        check("string[]", json!({"type": "array", "items": {"type": "string"}}));
        check("(number | null)[]", json!({"type": "array", "items": {"type": ["number", "null"]}}));
        check("Annotated[int, Field(ge=1, le=[2])]", json!({"type": "integer"}));
        check("<class 'float'>", json!({"type": "number"}));
        check("Any", json!({}));
        check("Any | None", json!({}));
    }

    #[test]
    fn what_is_no_type_is_not_guessed() {
        for text in [
            "",
            "   ",
            "banana",
            "list[",
            "list[int",
            "list[int]]",
            "dict[a,b,c]",
            "int[str]",
            "Literal[]",
            "|",
            "a|b",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&format!("{}int{}", "list[".repeat(100), "]".repeat(100))), None);
        assert_eq!(parse(&"list[".repeat(100_000)), None);
    }
}
