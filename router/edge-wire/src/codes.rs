//! The published codes: application close codes, REFUSE codes, REJECT codes.
//!
//! Each is a number for ever, a name for metrics and documents, whose fault it is, whether to try again and what the client
//! should do. `protocol.md` prints these tables; a test compares. A client treats an unknown number by its range.

mod close;
mod reason;
mod refuse;
mod reject;

pub use close::CloseCode;
pub use reason::CloseReason;
pub use refuse::RefuseCode;
pub use reject::RejectCode;

/// Who has to change something.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// Nobody; this is how things end.
    Nobody,
    /// The client's program.
    Client,
    /// Who runs clients, issuers or servers: a key, a clock, a configuration.
    Operator,
    /// The server.
    Server,
}

/// Whether and how to try again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Retry {
    /// Never with the same input.
    No,
    /// With a token made just now, after a back-off.
    FreshToken,
    /// After `retry_after`, or a back-off where none is told; any endpoint.
    Later,
    /// At once, at another endpoint where there is one.
    Elsewhere,
}

/// One row of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodeInfo {
    /// On the wire, for ever.
    pub number: u32,
    /// In metrics and documents.
    pub name: &'static str,
    /// Who has to change something.
    pub fault: Fault,
    /// Whether to try again.
    pub retry: Retry,
    /// What happened.
    pub meaning: &'static str,
    /// What the client should do.
    pub action: &'static str,
}

impl Fault {
    /// A stable lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Fault::Nobody => "nobody",
            Fault::Client => "client",
            Fault::Operator => "operator",
            Fault::Server => "server",
        }
    }
}

impl Retry {
    /// A stable lower-case phrase.
    pub const fn word(self) -> &'static str {
        match self {
            Retry::No => "no",
            Retry::FreshToken => "with a fresh token",
            Retry::Later => "later",
            Retry::Elsewhere => "elsewhere",
        }
    }
}

/// Declares one table as an enum.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($number:literal $variant:ident $word:literal, $fault:ident, $retry:ident, $meaning:literal, $action:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u32)]
        pub enum $name { $(#[doc = $meaning] $variant = $number,)+ }

        impl $name {
            /// All of them, by number.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The row of the published table.
            pub const fn info(self) -> $crate::codes::CodeInfo {
                match self {
                    $($name::$variant => $crate::codes::CodeInfo {
                        number: $number,
                        name: $word,
                        fault: $crate::codes::Fault::$fault,
                        retry: $crate::codes::Retry::$retry,
                        meaning: $meaning,
                        action: $action,
                    },)+
                }
            }

            /// On the wire.
            pub const fn number(self) -> u32 {
                self as u32
            }

            /// In metrics and documents.
            pub const fn name(self) -> &'static str {
                self.info().name
            }

            /// The inverse of [`number`](Self::number); `None` for numbers of later versions.
            pub const fn from_number(number: u32) -> Option<$name> {
                match number {
                    $($number => Some($name::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use codes;
