//! The `#[tool]` macro: a function becomes a tool that agents and processes call.
//!
//! This crate only reads tokens and writes tokens: `options` reads the attribute, `signature` and `argument` read the
//! function and teach what cannot be a tool, `expand` writes the code. Users reach it as `agentforge::tool`, whose
//! documentation stands in `agentforge-tools`.

mod argument;
mod expand;
mod nearest;
mod options;
mod signature;

use proc_macro::TokenStream;
use syn::parse::Parser;

#[proc_macro_attribute]
#[allow(missing_docs)] // Documented at its re-export, where its examples compile.
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expanded(attribute, item).unwrap_or_else(|error| error.to_compile_error().into())
}

fn expanded(attribute: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut options = options::Options::default();
    let parsed = syn::meta::parser(|meta| options.read(&meta)).parse(attribute);
    let function = signature::function_of(item.into());
    let (function, options) = match (parsed, function) {
        (Ok(()), Ok(function)) => (function, options.checked()?),
        (Err(error), Ok(_)) | (Ok(()), Err(error)) => return Err(error),
        (Err(mut error), Err(more)) => {
            error.combine(more);
            return Err(error);
        }
    };
    let function = signature::ToolFunction::read(function)?;
    expand::expand(&options, &function).map(Into::into)
}
