//! What a failing reply, an error inside a stream, or a failed response means. The names are those of chat completions,
//! so its reading serves both.

pub(super) use crate::wire::openai_chat::error::{decode_error, stream_error};
