//! What becomes of a successful reply: which part of it a model reads, and how much.

use agentforge_core::{error::Result, json::encoded_len, tool::ToolOutput};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::select::{Path, Picked};

/// What becomes of a successful reply. The default hands over the whole of it.
///
/// A path is a JSON pointer (`/orders/0/id`, with `*` for every item) or plain words (`orders[].id`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResponseShape {
    /// The part of the reply that counts; the paths below begin there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The only parts that are kept, in the shape that they have; all when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pick: Vec<String>,
    /// How many bytes a model reads at most: of a list its first items, of anything else its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<usize>,
    /// The only media types that are taken, `image/*` among them; all when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub media_types: Vec<String>,
}

impl ResponseShape {
    /// Keeps only these parts.
    pub fn picking<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        Self { pick: paths.into_iter().map(str::to_owned).collect(), ..Self::default() }
    }

    pub(super) fn check(&self) -> Result<()> {
        self.paths().map(drop)
    }

    fn paths(&self) -> Result<(Option<Path>, Vec<Path>)> {
        let at = self.at.as_deref().map(Path::parse).transpose()?;
        Ok((at, self.pick.iter().map(|path| Path::parse(path)).collect::<Result<_>>()?))
    }

    /// What a request says that it takes.
    pub(super) fn accept(&self) -> String {
        if self.media_types.is_empty() {
            "application/json, text/*;q=0.9, */*;q=0.8".to_owned()
        } else {
            self.media_types.join(", ")
        }
    }

    /// Why a media type is not taken.
    pub(super) fn accepts(&self, media_type: &str, empty: bool) -> Result<(), String> {
        let fits = |wanted: &String| match wanted.strip_suffix("/*") {
            Some("*") => true,
            Some(family) => media_type.split('/').next().is_some_and(|own| own.eq_ignore_ascii_case(family)),
            None => wanted.eq_ignore_ascii_case(media_type),
        };
        if empty || self.media_types.is_empty() || self.media_types.iter().any(fits) {
            return Ok(());
        }
        let came = if media_type.is_empty() { "no media type" } else { media_type };
        Err(format!("answered with {came}, and only {} is taken", self.media_types.join(", ")))
    }

    /// A part of the reply, before it is capped.
    pub(super) fn select(&self, value: Value) -> Result<Value> {
        let (at, pick) = self.paths()?;
        let value = match at {
            None => value,
            Some(at) => at.get(&value).cloned().unwrap_or(Value::Null),
        };
        if pick.is_empty() {
            return Ok(value);
        }
        Ok(Picked::of(&pick).from(value).unwrap_or(Value::Null))
    }

    /// What a model reads of JSON.
    pub(super) fn json(&self, value: Value) -> Result<ToolOutput> {
        let value = self.select(value)?;
        Ok(self.capped(value))
    }

    /// JSON under the cap.
    pub(super) fn capped(&self, value: Value) -> ToolOutput {
        let Some(most) = self.max_bytes.filter(|most| encoded_len(&value) > *most) else {
            return ToolOutput::json(value);
        };
        match value {
            Value::Array(items) => {
                let all = items.len();
                let mut size = 2;
                let fitting = items.into_iter().take_while(|item| {
                    size += encoded_len(item) + 1;
                    size <= most
                });
                let kept: Vec<_> = fitting.collect();
                let note = format!("\n[the first {} of {all} items]", kept.len());
                let mut output = ToolOutput::json(Value::Array(kept));
                output.parts.push(agentforge_core::message::Part::text(note));
                output
            }
            value => cut(&value.to_string(), most),
        }
    }

    /// What a model reads of text.
    pub(super) fn text(&self, text: String) -> ToolOutput {
        match self.max_bytes {
            Some(most) if text.len() > most => cut(&text, most),
            _ => ToolOutput::text(text),
        }
    }
}

fn cut(text: &str, most: usize) -> ToolOutput {
    let end = text.floor_char_boundary(most);
    let head = text.get(..end).unwrap_or_default();
    ToolOutput::text(format!("{head}\n[cut after {end} of {} bytes]", text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_cut_between_its_items_and_text_between_its_letters() {
        let shape = ResponseShape { max_bytes: Some(20), ..ResponseShape::default() };
        let output = shape.json(json!(["aaaaaa", "bbbbbb", "cccccc"])).unwrap();
        assert_eq!(output.structured, Some(json!(["aaaaaa", "bbbbbb"])));
        assert!(output.parts[1].as_text().unwrap().contains("first 2 of 3"));
        let output = shape.text("ü".repeat(15));
        assert!(output.parts[0].as_text().unwrap().starts_with(&"ü".repeat(10)));
        assert!(output.parts[0].as_text().unwrap().contains("[cut after 20 of 30 bytes]"));
    }

    #[test]
    fn only_wanted_media_types_are_taken() {
        let types = vec!["application/json".to_owned(), "image/*".to_owned()];
        let shape = ResponseShape { media_types: types, ..ResponseShape::default() };
        assert!(shape.accepts("application/json", false).is_ok());
        assert!(shape.accepts("image/png", false).is_ok());
        assert!(shape.accepts("text/html", false).unwrap_err().contains("text/html"));
        assert!(shape.accepts("", true).is_ok());
    }

    #[test]
    fn a_part_that_is_not_there_is_null() {
        let shape = ResponseShape { at: Some("data.items".to_owned()), ..ResponseShape::default() };
        assert_eq!(shape.select(json!({"data": {"items": [1]}})).unwrap(), json!([1]));
        assert_eq!(shape.select(json!([])).unwrap(), Value::Null);
    }
}
