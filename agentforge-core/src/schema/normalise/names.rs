//! The names that people give to types, and what they mean in JSON.

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// One of the seven types of JSON Schema.
    Type(&'static str),
    /// A list without two equal items.
    Set,
    /// A list of fixed length when its items are listed.
    Tuple,
    /// Every value.
    Any,
}

/// The meaning of a type name, in any case and with or without the module in front of it.
pub(super) fn named(name: &str) -> Option<Named> {
    if let Some(exact) = STANDARD.iter().find(|standard| **standard == name) {
        return Some(Named::Type(exact));
    }
    let is_path =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_. ".contains(&byte));
    let last = match name.rsplit_once('.') {
        Some((module, last)) if is_path(module) => last.trim(),
        Some(_) => return None,
        None => name.trim(),
    };
    let lower = last.to_ascii_lowercase();
    Some(match lower.as_str() {
        "object" | "dict" | "dictionary" | "map" | "mapping" | "mutablemapping" | "hashmap" | "hashtable"
        | "treemap" | "linkedhashmap" | "defaultdict" | "ordereddict" | "record" | "struct"
        | "jsonobject" | "namespace" | "typeddict" | "dataclass" | "basemodel" | "hash" => {
            Named::Type("object")
        }
        "array" | "list" | "sequence" | "mutablesequence" | "iterable" | "iterator" | "collection"
        | "vector" | "vec" | "arraylist" | "linkedlist" | "queue" | "deque" | "stack" | "ndarray"
        | "slice" => Named::Type("array"),
        "set" | "frozenset" | "mutableset" | "hashset" | "treeset" | "abstractset" => Named::Set,
        "tuple" | "namedtuple" | "pair" => Named::Tuple,
        "string" | "str" | "text" | "char" | "character" | "varchar" | "bytes" | "bytearray" | "date"
        | "time" | "datetime" | "date-time" | "timestamp" | "timedelta" | "duration" | "uuid" | "uri"
        | "url" | "email" | "path" | "pathlike" | "file" | "filepath" | "binary" | "password" | "base64"
        | "charsequence" | "localdate" | "localdatetime" => Named::Type("string"),
        "number" | "float" | "double" | "decimal" | "real" | "numeric" | "num" | "float16" | "float32"
        | "float64" | "bigdecimal" | "f32" | "f64" => Named::Type("number"),
        "integer" | "int" | "long" | "short" | "byte" | "bigint" | "biginteger" | "int8" | "int16"
        | "int32" | "int64" | "uint" | "uint8" | "uint16" | "uint32" | "uint64" | "i8" | "i16" | "i32"
        | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" | "isize" | "smallint" => Named::Type("integer"),
        "boolean" | "bool" => Named::Type("boolean"),
        "null" | "none" | "nonetype" | "nil" | "undefined" | "void" => Named::Type("null"),
        "any" | "json" | "unknown" | "mixed" | "jsonvalue" | "value" | "variant" | "type_unspecified" => {
            Named::Any
        }
        _ => return None,
    })
}

const STANDARD: [&str; 7] = ["object", "array", "string", "number", "integer", "boolean", "null"];
