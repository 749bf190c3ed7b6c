//! A parameter of an operation: its name on the wire, where it travels and how its value is written.

use agentforge_core::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Where a parameter travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the path, for a `{name}` of its template.
    Path,
    /// In the query.
    Query,
    /// As a header.
    Header,
    /// In the `cookie` header.
    Cookie,
}

impl Place {
    /// Its word in a document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

/// How a value that is no plain text is written: the styles of OpenAPI, after RFC 6570.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Style {
    /// `id=3,4`, or exploded `id=3&id=4`.
    Form,
    /// `3,4`.
    Simple,
    /// `.3.4`.
    Label,
    /// `;id=3,4`, or exploded `;id=3;id=4`.
    Matrix,
    /// `id=3%204`.
    SpaceDelimited,
    /// `id=3%7C4`.
    PipeDelimited,
    /// `filter[name]=a`.
    DeepObject,
    /// The value as JSON text.
    Json,
}

/// A parameter of an operation.
///
/// ```
/// use agentforge_tools::rest::{Parameter, Place, Style};
/// let ids = Parameter::new("ids", Place::Query)
///     .schema(serde_json::json!({"type": "array", "items": {"type": "integer"}}))
///     .style(Style::PipeDelimited);
/// assert!(!ids.exploded());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name on the wire.
    pub name: String,
    /// Where it travels.
    #[serde(rename = "in")]
    pub place: Place,
    /// What a model calls it, when that is not the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    /// Whether a call must have it. A parameter in the path always must.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// What it means, for a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it takes.
    #[serde(default = "text")]
    pub schema: Value,
    /// How it is written; `simple` in paths and headers, `form` elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// Whether each item of an array stands for itself; only with `form` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explode: Option<bool>,
    /// Whether slashes and the like stay readable in a query.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_reserved: bool,
}

fn text() -> Value {
    json!({"type": "string"})
}

impl Parameter {
    /// A parameter that takes text.
    pub fn new(name: impl Into<String>, place: Place) -> Self {
        Self {
            name: name.into(),
            place,
            argument: None,
            required: matches!(place, Place::Path),
            description: None,
            schema: text(),
            style: None,
            explode: None,
            allow_reserved: false,
        }
    }

    /// With another schema.
    #[must_use]
    pub fn schema(mut self, schema: Value) -> Self {
        self.schema = schema;
        self
    }

    /// With another style.
    #[must_use]
    pub const fn style(mut self, style: Style) -> Self {
        self.style = Some(style);
        self
    }

    /// With a description for a model.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// One that a call must have.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// What a model calls it.
    pub fn argument_name(&self) -> &str {
        self.argument.as_deref().unwrap_or(&self.name)
    }

    /// The style, by its place when none is given.
    pub const fn written(&self) -> Style {
        match (self.style, self.place) {
            (Some(style), _) => style,
            (None, Place::Path | Place::Header) => Style::Simple,
            (None, Place::Query | Place::Cookie) => Style::Form,
        }
    }

    /// Whether each item of an array, or field of an object, stands for itself.
    pub const fn exploded(&self) -> bool {
        match self.explode {
            Some(explode) => explode,
            None => matches!(self.written(), Style::Form),
        }
    }

    /// Fails when the style is none of its place's.
    pub(super) fn check(&self) -> Result<()> {
        let fits = match self.place {
            Place::Path => {
                matches!(self.written(), Style::Simple | Style::Label | Style::Matrix | Style::Json)
            }
            Place::Query => !matches!(self.written(), Style::Simple | Style::Label | Style::Matrix),
            Place::Header => matches!(self.written(), Style::Simple | Style::Json),
            Place::Cookie => matches!(self.written(), Style::Form | Style::Json),
        };
        if fits {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "the parameter `{}` is in the {} and cannot have style {:?}",
            self.name,
            self.place.as_str(),
            self.written()
        )))
    }
}
