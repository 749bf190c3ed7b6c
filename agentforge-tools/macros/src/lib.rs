//! The `#[tool]` macro: a function becomes a tool that agents and processes call.
//!
//! This crate only reads tokens and writes tokens: `options` reads the attribute, `signature` and `argument` read the
//! function and teach what cannot be a tool, `expand` writes the code, `methods` that of tools over shared state. Users reach it as `agentforge::tool`, whose
//! documentation stands in `agentforge-tools`.

mod argument;
mod expand;
mod methods;
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
    let target = signature::target_of(item.into());
    let (target, options) = match (parsed, target) {
        (Ok(()), Ok(target)) => (target, options.checked()?),
        (Err(error), Ok(_)) | (Ok(()), Err(error)) => return Err(error),
        (Err(mut error), Err(more)) => {
            error.combine(more);
            return Err(error);
        }
    };
    let code = match target {
        signature::Target::Function(function) => {
            expand::expand(&options, &signature::ToolFunction::read(function)?)
        }
        signature::Target::Methods(methods) => methods::expand(options, methods),
    };
    code.map(Into::into)
}
