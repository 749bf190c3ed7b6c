//! Evaluates an SPDX licence expression (`AND`, `OR`, `WITH`, parentheses, and the older `A/B` for `A OR B`) against
//! a set of accepted licences.

/// Whether the expression can be met with accepted licences only. An expression that does not parse is an error.
pub(crate) fn satisfied(expression: &str, accepted: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let tokens = tokens(expression);
    let mut parser = Parser { tokens: tokens.iter().map(String::as_str).peekable(), accepted };
    let satisfied = parser.any()?;
    match parser.tokens.next() {
        None => Ok(satisfied),
        Some(token) => Err(format!("unexpected `{token}` in the licence expression `{expression}`")),
    }
}

fn tokens(expression: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(expression.len());
    for character in expression.chars() {
        match character {
            '(' | ')' => spaced.extend([' ', character, ' ']),
            '/' => spaced.push_str(" OR "),
            other => spaced.push(other),
        }
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

struct Parser<'a, I: Iterator<Item = &'a str>> {
    tokens: std::iter::Peekable<I>,
    accepted: &'a dyn Fn(&str) -> bool,
}

impl<'a, I: Iterator<Item = &'a str>> Parser<'a, I> {
    fn any(&mut self) -> Result<bool, String> {
        let mut satisfied = self.all()?;
        while self.tokens.next_if_eq(&"OR").is_some() {
            satisfied |= self.all()?;
        }
        Ok(satisfied)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut satisfied = self.one()?;
        while self.tokens.next_if_eq(&"AND").is_some() {
            satisfied &= self.one()?;
        }
        Ok(satisfied)
    }

    fn one(&mut self) -> Result<bool, String> {
        match self.tokens.next() {
            Some("(") => {
                let satisfied = self.any()?;
                self.tokens
                    .next_if_eq(&")")
                    .map(|_| satisfied)
                    .ok_or_else(|| "a `(` is not closed".to_owned())
            }
            Some(name) if !["AND", "OR", "WITH", ")"].contains(&name) => {
                if self.tokens.next_if_eq(&"WITH").is_none() {
                    return Ok((self.accepted)(name));
                }
                let exception = self.tokens.next().ok_or("WITH names no exception")?;
                Ok((self.accepted)(&format!("{name} WITH {exception}")))
            }
            Some(other) => Err(format!("a licence is missing before `{other}`")),
            None => Err("a licence is missing at the end".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, expected: Option<bool>) {
        let accepted = ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"];
        let result = satisfied(expression, &|licence| accepted.contains(&licence));
        assert_eq!(result.as_ref().ok().copied(), expected, "{expression}: {result:?}");
    }

    #[test]
    fn expressions() {
        check("MIT", Some(true));
        check("GPL-3.0-only", Some(false));
        check("GPL-3.0-only OR MIT", Some(true));
        check("GPL-3.0-only AND MIT", Some(false));
        check("MIT/Apache-2.0", Some(true));
        check("GPL-2.0 / ISC", Some(true));
        check("(MIT OR GPL-3.0-only) AND ISC", Some(true));
        check("(MIT OR ISC) AND OpenSSL", Some(false));
        check("Apache-2.0 WITH LLVM-exception", Some(true));
        check("GPL-2.0 WITH Classpath-exception-2.0", Some(false));
        check("MIT WITH LLVM-exception", Some(false));
        check("((MIT))", Some(true));
    }

    #[test]
    fn and_binds_tighter_than_or() {
        check("MIT OR GPL-3.0-only AND GPL-2.0-only", Some(true));
        check("GPL-3.0-only AND GPL-2.0-only OR MIT", Some(true));
        check("GPL-3.0-only AND (GPL-2.0-only OR MIT)", Some(false));
    }

    #[test]
    fn malformed_expressions_are_errors() {
        for expression in ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT ISC", "Apache-2.0 WITH", "()"] {
            check(expression, None);
        }
    }
}
