//! What a site asks of programs: `robots.txt` by RFC 9309.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agentforge_core::time::Timestamp;

/// How much of a file is read; the RFC asks for at least this.
pub(super) const MOST_BYTES: usize = 500 * 1024;
/// How many rules of one file are kept.
const MOST_RULES: usize = 10_000;
/// How many sites are remembered.
const MOST_SITES: usize = 256;

/// What a site asks of us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Robots {
    /// There is no file: everything may be read.
    Open,
    /// The site could not say: nothing may be read for now.
    Unreachable,
    /// The rules for us.
    Rules(Vec<Rule>),
}

/// One line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    allows: bool,
    pattern: String,
}

impl Robots {
    /// The rules of a file for a program of this name: those of its own groups, else those for everybody.
    pub(super) fn parse(text: &str, name: &str) -> Self {
        let (mut own, mut general) = (None::<Vec<Rule>>, Vec::new());
        let (mut for_us, mut for_all, mut in_rules) = (false, false, false);
        let mut count = 0;
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let Some((key, value)) = line.split_once(':') else { continue };
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
            match key.as_str() {
                "user-agent" => {
                    if in_rules {
                        (for_us, for_all, in_rules) = (false, false, false);
                    }
                    // The name goes up to the first letter that names of programs have not.
                    let end =
                        |letter: char| !(letter.is_ascii_alphabetic() || letter == '-' || letter == '_');
                    for_all |= value == "*";
                    if value.split(end).next().unwrap_or_default().eq_ignore_ascii_case(name) {
                        for_us = true;
                        own.get_or_insert_default();
                    }
                }
                "allow" | "disallow" => {
                    in_rules = true;
                    // An empty rule asks for nothing.
                    if value.is_empty() || count >= MOST_RULES {
                        continue;
                    }
                    let rule = Rule { allows: key == "allow", pattern: normal(value) };
                    if for_us {
                        own.get_or_insert_default().push(rule.clone());
                        count += 1;
                    }
                    if for_all {
                        general.push(rule);
                        count += 1;
                    }
                }
                // What else a file says belongs to no group and ends none.
                _ => {}
            }
        }
        Self::Rules(own.unwrap_or(general))
    }

    /// Whether a path with its query may be read. The longest rule that matches decides; of two as long the one that
    /// allows.
    pub(super) fn allows(&self, path: &str) -> bool {
        let rules = match self {
            Self::Open => return true,
            Self::Unreachable => return false,
            Self::Rules(rules) => rules,
        };
        let path = normal(path);
        if path == "/robots.txt" {
            return true;
        }
        let matching = rules.iter().filter(|rule| matches(&rule.pattern, &path));
        matching.max_by_key(|rule| (rule.pattern.len(), rule.allows)).is_none_or(|rule| rule.allows)
    }
}

/// Whether a pattern matches the beginning of a path; `*` stands for anything and a last `$` for the end. Linear in
/// both, since each piece is looked for once, from where the last one ended.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, to_end) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return !to_end || rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() && to_end {
            return rest.ends_with(piece);
        }
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    true
}

/// A path in one spelling: what need not be escaped is not, what must be is, in capitals.
fn normal(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let escaped = (byte == b'%').then(|| {
            let (high, low) = (ahead.next()?, ahead.next()?);
            let digit = |byte: u8| char::from(byte).to_digit(16);
            u8::try_from(digit(high)? * 16 + digit(low)?).ok()
        });
        let byte = match escaped.flatten() {
            Some(escaped) => {
                bytes = ahead;
                if !is_unreserved(escaped) {
                    out.push_str(&format!("%{escaped:02X}"));
                    continue;
                }
                escaped
            }
            None => byte,
        };
        if byte.is_ascii_graphic() {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What sites have said, for a while.
#[derive(Default)]
pub(super) struct Remembered(Mutex<BTreeMap<String, (Timestamp, Arc<Robots>)>>);

impl Remembered {
    /// What a site said, if that still holds.
    pub(super) fn get(&self, origin: &str, now: Timestamp) -> Option<Arc<Robots>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(origin).filter(|(until, _)| now < *until).map(|(_, robots)| robots.clone())
    }

    /// Keeps what a site said: an hour, or a minute when it could not say.
    pub(super) fn put(&self, origin: &str, now: Timestamp, robots: Arc<Robots>) {
        let span = match *robots {
            Robots::Unreachable => Duration::from_mins(1),
            _ => Duration::from_hours(1),
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (until, _)| now < *until);
        if known.len() >= MOST_SITES
            && let Some(next) =
                known.iter().min_by_key(|(_, (until, _))| *until).map(|(origin, _)| origin.clone())
        {
            known.remove(&next);
        }
        known.insert(origin.to_owned(), (now.after(span), robots));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, path: &str, expected: bool) {
        assert_eq!(Robots::parse(file, "agentforge").allows(path), expected, "{file:?} {path}");
    }

    #[test]
    fn our_own_group_counts_and_else_the_one_for_all() {
        let file = "User-agent: *\nDisallow: /\n\nUser-agent: AgentForge/1.0\nDisallow: /private";
        check(file, "/", true);
        check(file, "/private/a", false);
        check("User-agent: other\nDisallow: /", "/", true);
        check("User-agent: agentforger\nDisallow: /", "/", true);
        check("User-agent: a\nUser-agent: *\nDisallow: /x", "/x", false);
        check("User-agent: agentforge\nUser-agent: *\nDisallow: /x", "/x", false);
        check("User-agent: *\nDisallow: /\nUser-agent: agentforge\nDisallow:", "/", true);
        check("Disallow: /", "/", true);
        check("", "/", true);
        let split = "User-agent: agentforge\nDisallow: /a\nUser-agent: x\nDisallow: /\nUser-agent: agentforge\nDisallow: /b";
        check(split, "/a", false);
        check(split, "/b", false);
        check(split, "/c", true);
        check("user-agent: *\nSitemap: http://a/\nDISALLOW : /x # why", "/x", false);
    }

    #[test]
    fn the_longest_rule_decides_and_of_two_the_kinder() {
        let rules = |rules: &str| format!("User-agent: *\n{rules}");
        let file = rules("Disallow: /\nAllow: /open\nDisallow: /open/shut");
        check(&file, "/", false);
        check(&file, "/open/a", true);
        check(&file, "/open/shut/a", false);
        check(&file, "/robots.txt", true);
        check(&rules("Allow: /a\nDisallow: /a"), "/a", true);
        check(&rules("Disallow: /*.pdf$"), "/x/a.pdf", false);
        check(&rules("Disallow: /*.pdf$"), "/x/a.pdf?b", true);
        check(&rules("Disallow: /a*b*c"), "/a-b-c-d", false);
        check(&rules("Disallow: /a*b*c"), "/a-c-b", true);
        check(&rules("Disallow: /exact$"), "/exact", false);
        check(&rules("Disallow: /exact$"), "/exactly", true);
        check(&rules("Disallow: *secret"), "/a/secret", false);
        check(&rules("Disallow: /?q="), "/?q=1", false);
    }

    #[test]
    fn a_path_is_the_same_in_every_spelling() {
        let file = "User-agent: *\nDisallow: /ä%2fb/~x";
        check(file, "/%C3%A4%2Fb/%7Ex", false);
        check(file, "/%c3%a4%2Fb/~x", false);
        check(file, "/%C3%A4/b/~x", true);
        check("User-agent: *\nDisallow: /100%", "/100%", false);
    }

    #[test]
    fn a_site_that_cannot_say_is_not_read() {
        assert!(!Robots::Unreachable.allows("/") && Robots::Open.allows("/"));
    }

    #[test]
    fn a_file_of_nothing_but_stars_costs_little() {
        let file = format!("User-agent: *\nDisallow: /{}", "*a".repeat(100_000));
        check(&file, &format!("/{}", "a".repeat(10_000)), true);
        let many = format!("User-agent: *\n{}", "Disallow: /*x*y\n".repeat(30_000));
        let Robots::Rules(rules) = Robots::parse(&many, "agentforge") else { panic!() };
        assert_eq!(rules.len(), MOST_RULES);
    }

    #[test]
    fn memory_is_bounded_and_forgets() {
        let sites = Remembered::default();
        let now = Timestamp::UNIX_EPOCH;
        for number in 0..MOST_SITES + 50 {
            sites.put(&format!("http://{number}"), now, Arc::new(Robots::Open));
        }
        assert_eq!(sites.0.lock().unwrap().len(), MOST_SITES);
        sites.put("http://down", now, Arc::new(Robots::Unreachable));
        assert!(sites.get("http://down", now).is_some());
        assert!(sites.get("http://down", now.after(Duration::from_mins(1))).is_none());
    }
}
