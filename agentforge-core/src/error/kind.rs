//! The one table of error kinds: code, HTTP status, title and whether a retry can help, for all languages.
//!
//! A new kind earns its row only when a caller would act differently on it.

use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $title:literal, $retryable:literal;)*) => {
        /// What went wrong, as coarse as a caller's reaction to it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind { $($(#[$doc])* $name,)* }

        impl ErrorKind {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$name,)*];

            /// The stable code that crosses every border, for example `rate_limited`.
            pub const fn code(self) -> &'static str {
                match self { $(ErrorKind::$name => $code,)* }
            }

            /// The HTTP status of a problem document of this kind.
            pub const fn status(self) -> u16 {
                match self { $(ErrorKind::$name => $status,)* }
            }

            /// A short human title of the kind.
            pub const fn title(self) -> &'static str {
                match self { $(ErrorKind::$name => $title,)* }
            }

            /// Whether the same call can succeed later without a change by the caller.
            pub const fn retryable(self) -> bool {
                match self { $(ErrorKind::$name => $retryable,)* }
            }

            /// The kind of a code, if there is one.
            pub fn from_code(code: &str) -> Option<ErrorKind> {
                match code { $($code => Some(ErrorKind::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// The caller passed something that can never work; change it.
    InvalidInput = "invalid_input", 400, "Invalid input", false;
    /// The thing asked for is not offered by this model, store or version.
    Unsupported = "unsupported", 422, "Unsupported", false;
    /// Nobody, or nobody known, is asking.
    Unauthenticated = "unauthenticated", 401, "Unauthenticated", false;
    /// Known, but not allowed.
    Denied = "denied", 403, "Denied", false;
    /// It does not exist, or not for this tenant: both look the same.
    NotFound = "not_found", 404, "Not found", false;
    /// Somebody else changed it first, or a unique value is taken; read again and decide.
    Conflict = "conflict", 409, "Conflict", false;
    /// Too many calls in a window; wait.
    RateLimited = "rate_limited", 429, "Rate limited", true;
    /// A plan's quota is used up; waiting a moment does not help.
    QuotaExceeded = "quota_exceeded", 429, "Quota exceeded", false;
    /// A money limit is reached, or cannot be kept because a price is unknown.
    BudgetExceeded = "budget_exceeded", 402, "Budget exceeded", false;
    /// The other side has no capacity at the moment.
    Overloaded = "overloaded", 503, "Overloaded", true;
    /// The messages do not fit into the model's context.
    ContextOverflow = "context_overflow", 413, "Context overflow", false;
    /// A provider or a guardrail refused the content.
    ContentFiltered = "content_filtered", 422, "Content filtered", false;
    /// A deadline passed.
    Timeout = "timeout", 504, "Timeout", true;
    /// The caller cancelled.
    Cancelled = "cancelled", 499, "Cancelled", false;
    /// The network, a disk or a server failed on the way.
    Transport = "transport", 502, "Transport failure", true;
    /// What came back could not be understood.
    Decode = "decode", 502, "Undecodable answer", false;
    /// Another owner holds the lease; this one must stop at once.
    Fenced = "fenced", 409, "Fenced by a newer owner", false;
    /// Stored data is damaged or from a newer version; nothing was touched.
    Corrupt = "corrupt", 500, "Corrupt data", false;
    /// A defect of this library.
    Internal = "internal", 500, "Internal error", false;
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
