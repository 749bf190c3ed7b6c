//! One argument of a tool's function, as a field of the generated arguments.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Attribute, Error, Expr, ExprLit, Lit, LitStr, Meta, Pat, PatType, Result, Token, Type,
    meta::ParseNestedMeta,
};

use crate::nearest;

/// What stands in for an argument that the model leaves out.
enum Substitute {
    /// The type's own default.
    OfType,
    /// A value of the author.
    Value(Box<Expr>),
}

pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) kind: Type,
    description: Option<String>,
    substitute: Option<Substitute>,
    passed_on: Vec<Attribute>,
}

impl Argument {
    pub(crate) fn read(typed: &PatType) -> Result<Self> {
        let name = name_of(&typed.pat)?;
        refuse_type(&name, &typed.ty)?;
        let kind = (*typed.ty).clone();
        let mut argument =
            Self { name, kind, description: docs(&typed.attrs), substitute: None, passed_on: Vec::new() };
        for attribute in &typed.attrs {
            argument.read_attribute(attribute)?;
        }
        Ok(argument)
    }

    fn read_attribute(&mut self, attribute: &Attribute) -> Result<()> {
        let path = attribute.path();
        if path.is_ident("arg") {
            return attribute.parse_nested_meta(|meta| self.read_option(&meta));
        }
        if path.is_ident("serde") || path.is_ident("schemars") {
            self.passed_on.push(attribute.clone());
            return Ok(());
        }
        if path.is_ident("doc") {
            return Ok(());
        }
        Err(Error::new_spanned(
            path,
            "an argument of a tool takes a doc comment, `#[arg(…)]`, `#[serde(…)]` and `#[schemars(…)]` only",
        ))
    }

    fn read_option(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("description") {
            self.description = Some(meta.value()?.parse::<LitStr>()?.value());
        } else if meta.path.is_ident("default") {
            self.substitute = Some(if meta.input.peek(Token![=]) {
                Substitute::Value(Box::new(meta.value()?.parse()?))
            } else {
                Substitute::OfType
            });
        } else {
            let path = &meta.path;
            let name = quote!(#path).to_string();
            return Err(meta.error(nearest::unknown(
                "option of an argument",
                &name,
                &["description", "default"],
            )));
        }
        Ok(())
    }

    fn default_function(&self) -> Ident {
        format_ident!("__default_of_{}", self.name)
    }

    /// The field of the generated arguments.
    pub(crate) fn field(&self) -> TokenStream {
        let Self { name, kind, passed_on, .. } = self;
        let description = self.description.as_ref().map(|text| quote!(#[doc = #text]));
        let default = self.substitute.as_ref().map(|substitute| match substitute {
            Substitute::OfType => quote!(#[serde(default)]),
            Substitute::Value(_) => {
                let function = LitStr::new(&self.default_function().to_string(), name.span());
                quote!(#[serde(default = #function)])
            }
        });
        quote! {
            #description
            #default
            #(#passed_on)*
            #name: #kind
        }
    }

    /// The function that gives the author's default.
    pub(crate) fn default_item(&self) -> Option<TokenStream> {
        let Some(Substitute::Value(value)) = &self.substitute else { return None };
        let (function, kind) = (self.default_function(), &self.kind);
        let body = match &**value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                quote_spanned!(text.span()=> <#kind as ::core::convert::From<&str>>::from(#text))
            }
            other => quote!(#other),
        };
        Some(quote! {
            fn #function() -> #kind {
                #body
            }
        })
    }
}

fn name_of(pattern: &Pat) -> Result<Ident> {
    match pattern {
        Pat::Ident(plain) if plain.by_ref.is_none() && plain.subpat.is_none() => Ok(plain.ident.clone()),
        other => Err(Error::new_spanned(
            other,
            "an argument of a tool needs a plain name, since the name is what a model writes; take it by name and \
             destructure it in the body",
        )),
    }
}

fn refuse_type(name: &Ident, kind: &Type) -> Result<()> {
    let message = match kind {
        Type::Reference(_) => {
            format!(
                "`{name}` is read from JSON and has no owner to borrow from; take `String` or another owned type"
            )
        }
        Type::ImplTrait(_) => {
            format!("`{name}` needs one type, of which a schema can be made; `impl Trait` is none")
        }
        _ => return Ok(()),
    };
    Err(Error::new_spanned(kind, message))
}

/// The doc comment, when there is one that says something.
pub(crate) fn docs(attributes: &[Attribute]) -> Option<String> {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(line_of);
    let text = lines.collect::<Vec<_>>().join("\n");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn line_of(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value else { return None };
    let text = text.value();
    Some(text.strip_prefix(' ').unwrap_or(&text).trim_end().to_owned())
}

/// Where a missing doc comment is reported.
pub(crate) fn missing_docs(name: &Ident) -> Error {
    Error::new(
        name.span(),
        format!(
            "`{name}` needs a doc comment: it is the description by which a model decides when to call the tool; \
             write `/// What it does, and when to use it.` above it"
        ),
    )
}
