//! A change of a catalogue, and the table of codes.
//!
//! Every code says once and for ever whether it breaks somebody, and what to do instead.

use std::fmt;

/// One change. Sorts by place, then by code.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Change {
    /// The file, as it is imported; empty where the whole catalogue is meant.
    pub file: String,
    /// From 1; 0: the file or the catalogue as a whole.
    pub line: u32,
    /// Names the kind of change for ever.
    pub code: ChangeCode,
    /// What it is now, and what it was.
    pub message: String,
    /// Whether the place is one of the old catalogue: what is gone stands nowhere else.
    pub is_in_old: bool,
}

macro_rules! codes {
    ($($name:ident $code:literal $breaks:literal $help:literal)*) => {
        /// Kinds of changes.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum ChangeCode {
            $(#[doc = $help] $name,)*
        }

        impl ChangeCode {
            /// All of them, in order.
            pub const ALL: &[ChangeCode] = &[$(ChangeCode::$name),*];

            /// E.g. `C0510`; stable for ever.
            pub const fn as_str(self) -> &'static str {
                match self { $(ChangeCode::$name => $code),* }
            }

            /// Whether it breaks clients, rules or the protection of personal data.
            pub const fn is_breaking(self) -> bool {
                match self { $(ChangeCode::$name => $breaks),* }
            }

            /// What to do, in one line.
            pub const fn help(self) -> &'static str {
                match self { $(ChangeCode::$name => $help),* }
            }
        }
    };
}

codes! {
    Renamed            "C0501" true  "keep the package; events of clients that were built with the old one would not be known"
    EventRemoved       "C0510" true  "keep it and set `option deprecated = true`: clients in the field still send it"
    EventId            "C0511" true  "give it back its id: clients in the field send that number"
    EventIdReused      "C0512" true  "choose an id that was never used: clients in the field still send the old event under it"
    EventAdded         "C0513" false "nothing: no client sends it yet"
    ProvenanceNarrowed "C0514" true  "let everybody send it who could; a rule can still ask who did"
    Subject            "C0515" true  "keep the subject: rules and state go by the player that it names"
    PayloadLowered     "C0516" true  "keep `max_payload_bytes`, or set it to what it was: longer events of today would be refused"
    Idempotent         "C0517" true  "consumers may rely on it; declare a new event type"
    Owner              "C0518" false "tell the old owner"
    Deprecated         "C0519" false "tell the authors of the rules that use it; `edgectl rules check` warns them"
    FieldRemoved       "C0520" true  "keep it and mark it `[deprecated = true]`: rules that read it would not compile"
    FieldNumber        "C0521" true  "give it back its number: clients in the field send that one"
    FieldReused        "C0522" true  "choose a number that was never used: values of the old field would be read as the new one"
    FieldType          "C0523" true  "add a field of the new type under a new name and number"
    Presence           "C0524" true  "keep `optional` or the `oneof`: rules that ask `has(...)` would not compile"
    FieldAdded         "C0525" false "nothing: it reads as not set in events of older clients"
    FieldNeeded        "C0526" true  "make it `optional`, or let 0 be in its range: events of older clients have no value there and would be refused"
    LenLowered         "C0530" true  "keep `max_len`: longer values of today would be refused"
    ItemsLowered       "C0531" true  "keep `max_items`: longer lists of today would be refused"
    KeyLenLowered      "C0532" true  "keep `max_key_len`: longer keys of today would be refused"
    RangeNarrowed      "C0533" true  "keep the range: values of today would be refused"
    Widened            "C0534" false "check the rules anew: what they may cost can rise, and so can the values that they meet"
    ClassLowered       "C0535" true  "keep the class, or have whoever answers for personal data agree first"
    ClassRaised        "C0536" false "check where the value goes: consumers must treat it with more care"
    EnumValueRemoved   "C0540" true  "keep it: clients in the field still send it, and rules that name it would not compile"
    EnumValueNumber    "C0541" true  "give it back its number: clients in the field send that one"
    EnumValueAdded     "C0542" false "nothing: no client sends it yet"
}

impl Change {
    /// Whether it breaks somebody.
    pub const fn is_breaking(&self) -> bool {
        self.code.is_breaking()
    }

    /// `game/v1/player.proto:41`; empty where the catalogue as a whole is meant.
    pub fn place(&self) -> String {
        if self.line == 0 { self.file.clone() } else { format!("{}:{}", self.file, self.line) }
    }
}

/// As the catalogue's diagnostics are written.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_breaking() { "breaking" } else { "fine" };
        write!(f, "{word}[{}]: {}", self.code.as_str(), self.message)?;
        let (place, of) = (self.place(), if self.is_in_old { " (old)" } else { "" });
        if !place.is_empty() {
            write!(f, "\n  --> {place}{of}")?;
        }
        if self.is_breaking() { write!(f, "\n   = help: {}", self.code.help()) } else { Ok(()) }
    }
}
