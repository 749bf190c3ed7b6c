//! What stands in the parentheses of `#[tool(…)]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Error, LitStr, Path, Result, Token, meta::ParseNestedMeta, parse_quote};

use crate::nearest;

const KNOWN: [&str; 10] = [
    "name",
    "version",
    "read_only",
    "writes",
    "destructive",
    "idempotent",
    "open_world",
    "requires",
    "untrusted",
    "crate",
];

/// What a call does to the world, as the author says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    ReadOnly,
    Writes,
    Destructive,
}

impl Effect {
    const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::Writes => "writes",
            Self::Destructive => "destructive",
        }
    }
}

#[derive(Default)]
pub(crate) struct Options {
    name: Option<LitStr>,
    version: Option<LitStr>,
    effects: Vec<(Effect, Span)>,
    idempotent: bool,
    open_world: bool,
    untrusted: bool,
    permissions: Vec<Ident>,
    root: Option<Path>,
}

impl Options {
    pub(crate) fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match key.as_str() {
            "name" => self.name = Some(tool_name(meta.value()?.parse()?)?),
            "version" => self.version = Some(meta.value()?.parse()?),
            "read_only" => self.effect(Effect::ReadOnly, meta),
            "writes" => self.effect(Effect::Writes, meta),
            "destructive" => self.effect(Effect::Destructive, meta),
            "idempotent" => self.idempotent = true,
            "open_world" => self.open_world = true,
            "untrusted" => self.untrusted = true,
            "requires" => self.permissions.push(permission(&meta.value()?.parse()?)?),
            "crate" => self.root = Some(meta.value()?.parse::<LitStr>()?.parse()?),
            _ => return Err(meta.error(nearest::unknown("option", &written(&meta.path), &KNOWN))),
        }
        Ok(())
    }

    fn effect(&mut self, effect: Effect, meta: &ParseNestedMeta<'_>) {
        let span = meta.path.get_ident().map_or_else(Span::call_site, Ident::span);
        self.effects.push((effect, span));
    }

    /// The options, when they do not contradict each other.
    pub(crate) fn checked(self) -> Result<Self> {
        if let [(first, _), (second, span), ..] = self.effects.as_slice() {
            let (first, second) = (first.name(), second.name());
            return Err(Error::new(
                *span,
                format!(
                    "a tool is either `{first}` or `{second}`; keep the one that is true of its worst call"
                ),
            ));
        }
        Ok(self)
    }

    /// The path of the facade, for a block of methods, which takes no other option.
    pub(crate) fn of_a_block(&self, at: Token![impl]) -> Result<Path> {
        let Self { name, version, effects, idempotent, open_world, untrusted, permissions, root: _ } = self;
        let says_more = name.is_some() || version.is_some() || *idempotent || *open_world || *untrusted;
        if !says_more && effects.is_empty() && permissions.is_empty() {
            return Ok(self.root());
        }
        let message = "an `impl` block takes the option `crate` only; the others stand at each method";
        Err(Error::new(at.span, message))
    }

    /// The path of the facade, or of what stands in for it.
    pub(crate) fn root(&self) -> Path {
        self.root.clone().unwrap_or_else(|| parse_quote!(::agentforge))
    }

    /// The tool's name: the given one, else the function's.
    pub(crate) fn name(&self, function: &Ident) -> Result<LitStr> {
        match &self.name {
            Some(name) => Ok(name.clone()),
            None => tool_name(LitStr::new(function.to_string().trim_start_matches("r#"), function.span())),
        }
    }

    /// The calls that turn a fresh spec, bound to `spec`, into the declared one.
    pub(crate) fn declarations(&self, core: &TokenStream) -> TokenStream {
        let annotations = quote!(#core::tool::Annotations);
        let base = match self.effects.first() {
            Some((Effect::ReadOnly, _)) => quote!(#annotations::READ_ONLY),
            Some((Effect::Writes, _)) => quote!(#annotations::WRITES),
            Some((Effect::Destructive, _)) => {
                quote!(#annotations { destructive: true, ..#annotations::WRITES })
            }
            None => quote!(#annotations::default()),
        };
        let idempotent = self.idempotent.then(|| quote!(annotations.idempotent = true;));
        let open_world = self.open_world.then(|| quote!(annotations.open_world = true;));
        let permissions = &self.permissions;
        let untrusted = self.untrusted.then(|| quote!(spec = spec.untrusted();));
        let version = self.version.as_ref().map(|version| quote!(spec.version = #version.to_owned();));
        quote! {
            #[allow(unused_mut)]
            let mut annotations = #base;
            #idempotent
            #open_world
            spec = spec.annotated(annotations);
            #(spec = spec.requires(#core::security::Permission::#permissions);)*
            #untrusted
            #version
        }
    }
}

fn written(path: &Path) -> String {
    quote!(#path).to_string().replace(' ', "")
}

/// A name that every model accepts.
fn tool_name(name: LitStr) -> Result<LitStr> {
    let text = name.value();
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if fits {
        return Ok(name);
    }
    let message = format!(
        "`{text}` is no tool name: models accept 1 to 64 ASCII letters, digits, `_` or `-`; set one with `name = \"…\"`"
    );
    Err(Error::new(name.span(), message))
}

/// `kb:read` as the variant `KbRead`, at the place where it was written: an unknown one is the compiler's to report.
fn permission(text: &LitStr) -> Result<Ident> {
    let value = text.value();
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    match value.split_once(':') {
        Some((resource, action)) if is_word(resource) && is_word(action) => {
            let variant: String = value.split([':', '_']).map(capitalised).collect();
            Ok(Ident::new(&variant, text.span()))
        }
        _ => Err(Error::new(
            text.span(),
            format!("`{value}` is no permission: one is written `resource:action`, for example `kb:read`"),
        )),
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
