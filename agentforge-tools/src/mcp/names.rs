//! Names of remote tools as models accept them: `server__tool`, never two tools under one name.
//!
//! INVARIANT: a server's name has no `__` and does not end with `_`, so the first `__` of a plain name is where the
//! server's name ends, and plain names of two servers never meet. Whatever does not fit, or looks like a name with a
//! mark, gets a mark: twelve hexadecimal digits of the hash of both names.

use agentforge_core::{
    error::{Error, Result},
    json::Digest,
};

const MOST: usize = 64;
const MARK: usize = 12;

/// Fails when a server's name cannot begin the names of its tools.
pub(super) fn check_server(name: &str) -> Result<()> {
    let fits = (1..=32).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.contains("__")
        && !name.ends_with('_');
    if fits {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "`{name}` is no name of an MCP server; use 1 to 32 letters, digits, `-` or `_`, without `__` and not ending in `_`"
    )))
}

const fn allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// The name of a server's tool here.
pub(super) fn tool_name(server: &str, tool: &str) -> String {
    let plain = format!("{server}__{tool}");
    if plain.len() <= MOST && !tool.is_empty() && tool.bytes().all(allowed) && !has_mark(&plain) {
        return plain;
    }
    let digest = Digest::of_parts(&[server.as_bytes(), tool.as_bytes()]).to_string();
    let mark: String = digest.chars().take(MARK).collect();
    let fitting = plain
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' });
    let head: String = fitting.take(MOST - MARK - 1).collect();
    format!("{head}_{mark}")
}

fn has_mark(name: &str) -> bool {
    name.rsplit_once('_').is_some_and(|(_, tail)| {
        tail.len() == MARK && tail.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plain_name_joins_both() {
        assert_eq!(tool_name("files", "read_file"), "files__read_file");
    }

    #[test]
    fn what_does_not_fit_is_marked_and_stays_apart() {
        let dotted = tool_name("files", "read.file");
        let spaced = tool_name("files", "read file");
        assert!(dotted.starts_with("files__read_file_") && dotted != spaced, "{dotted} {spaced}");
        assert_eq!(tool_name("s", &"x".repeat(200)).len(), MOST);
    }

    #[test]
    fn a_tool_cannot_take_the_marked_name_of_another() {
        let marked = tool_name("files", "read.file");
        let (_, stolen) = marked.split_once("__").unwrap();
        assert_ne!(tool_name("files", stolen), marked);
    }

    #[test]
    fn a_server_that_would_blur_the_border_is_refused() {
        for wrong in ["", "a__b", "a_", "a b", "ä", &"x".repeat(33)] {
            assert!(check_server(wrong).is_err(), "{wrong:?}");
        }
        check_server("files-2_x").unwrap();
    }

    proptest! {
        #[test]
        fn two_tools_never_share_a_name(
            one in ("[a-c](_?[a-c]){0,2}", "[a-c_.]{1,70}"),
            other in ("[a-c](_?[a-c]){0,2}", "[a-c_.]{1,70}"),
        ) {
            prop_assume!(one != other);
            prop_assert!(check_server(&one.0).is_ok() && check_server(&other.0).is_ok());
            let (left, right) = (tool_name(&one.0, &one.1), tool_name(&other.0, &other.1));
            prop_assert!(left.len() <= MOST && left.bytes().all(allowed));
            prop_assert_ne!(left, right);
        }
    }
}
