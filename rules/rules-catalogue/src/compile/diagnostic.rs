//! What the compiler has to say to the author of a catalogue.
//!
//! A table of codes and one type. Messages are lower case with back-ticks around the author's words; every code has one
//! line of help that says what to do.

use std::fmt;

/// One complaint. Sorts by place, then by code.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Diagnostic {
    /// The file's name as it is imported.
    pub file: String,
    /// From 1; 0: the file as a whole.
    pub line: u32,
    /// From 1; 0: the line as a whole.
    pub column: u32,
    /// Stops the compiler or not.
    pub severity: Severity,
    /// Names the complaint for ever.
    pub code: Code,
    /// What is wrong here.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// How much a diagnostic weighs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// No catalogue comes out.
    Error,
    /// Deserves a look.
    Warning,
}

macro_rules! codes {
    ($($name:ident $code:literal $severity:ident $help:literal)*) => {
        /// The codes of the catalogue's diagnostics.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $(#[doc = $help] $name,)*
        }

        impl Code {
            /// All of them, in order.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// E.g. `C0101`; stable for ever.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code),* }
            }

            /// What to do, in one line.
            pub const fn help(self) -> &'static str {
                match self { $(Code::$name => $help),* }
            }

            /// How much it weighs.
            pub const fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity),* }
            }
        }
    };
}

codes! {
    Text              "C0001" Error "make the file valid protobuf; `protoc` would refuse it, too"
    NoEvents          "C0002" Error "import `edge/catalogue/v1/options.proto` and give messages the option `(edge.catalogue.v1.event)`"
    Packages          "C0003" Error "put all event types of a catalogue into one package; its name is the catalogue's name"
    NoPackage         "C0004" Error "add a line such as `package game.v1;`"
    Unsupported       "C0005" Error "use proto3 with scalar, enum, message, list, map and oneof fields, `google.protobuf.Timestamp` and `Duration`"
    TooDeep           "C0006" Error "flatten the messages: an event nests at most 8 messages, and none contains itself"
    TooMany           "C0007" Error "split the message"
    Refused           "C0099" Error "this is a check that the compiler should have made earlier; please report it with the files"
    EventId           "C0101" Error "choose an id from 1 to 65535 that was never used, e.g. `id: 1041`"
    EventIdTwice      "C0102" Error "choose another id; an id belongs to one event type for ever"
    NoOwner           "C0103" Error "add `owner: \"team-…\"` to the event, or a default for the file with `option (edge.catalogue.v1.defaults) = { owner: \"team-…\" }`"
    EventNested       "C0104" Error "move the message out of the message around it: rules name event types by their short name"
    BadWord           "C0105" Error "use 1 to 64 lower-case letters, digits, `-`, `_`, `.` or `/`"
    MaxPayload        "C0106" Error "lower max_len or max_items of its fields, or set `max_payload_bytes` (at most 65536) and have larger events refused"
    NoSubject         "C0201" Error "name the string field that holds the player's id, e.g. `subject: \"player_id\"`"
    BadSubject        "C0202" Error "name one string field by its path, e.g. `subject: \"player_id\"`"
    ClientSubject     "C0203" Error "remove `subject`: the subject of a client's event is the `sub` of its token"
    NoMaxLen          "C0301" Error "add `[(edge.catalogue.v1.field).max_len = N]`, in bytes"
    NoMaxItems        "C0302" Error "add `[(edge.catalogue.v1.field).max_items = N]`"
    NoMaxKeyLen       "C0303" Error "add `[(edge.catalogue.v1.field).max_key_len = N]`, in bytes"
    UselessLimit      "C0304" Error "remove it, or put it on the field that it is meant for"
    BadRange          "C0305" Error "give whole ends that the type can hold, the smaller one as `min`"
    EventName         "C0401" Warning "use `UpperCamelCase`: a recorded event `unit_born` is the message `UnitBorn`"
    FieldName         "C0402" Warning "use `lower_snake_case`, as protobuf's style guide does"
    NoDoc             "C0403" Warning "say in a comment above it when it is sent: that text is shown to the authors of rules"
    SubjectClass      "C0404" Warning "a player's id is at least `personal_data: PSEUDONYMOUS`"
    NoFieldDoc        "C0411" Warning "say in a comment above it, or above its group, what it is and in which unit: authors of rules are shown it"
    NoClass           "C0412" Warning "say what may be done with it, e.g. `[(edge.catalogue.v1.field).personal_data = PSEUDONYMOUS]`, or `NONE` where it is nobody's"
    EnumValueName     "C0413" Warning "use `UPPER_SNAKE_CASE` that begins with the enum's name, e.g. `END_REASON_QUIT`: rules then say `EndReason.QUIT`"
    NoTags            "C0414" Warning "give it at least one word of the taxonomy, e.g. `tags: \"match\"`, so that it is found"
}

impl Diagnostic {
    /// A complaint at `(line, column)`.
    pub(crate) fn new(code: Code, file: &str, (line, column): (u32, u32), message: String) -> Diagnostic {
        let (severity, help) = (code.severity(), code.help().to_owned());
        Diagnostic { file: file.to_owned(), line, column, severity, code, message, help }
    }

    /// What the protobuf parser says; its debug form is `file:line:column: message`.
    pub(super) fn of_parser(opened: &str, error: &protox::Error) -> Diagnostic {
        let file = error.file().unwrap_or(opened).to_owned();
        let shown = format!("{error:?}");
        let place = shown.strip_prefix(file.as_str()).and_then(|rest| {
            let mut parts = rest.strip_prefix(':')?.splitn(3, ':');
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        });
        Diagnostic::new(Code::Text, &file, place.unwrap_or((0, 0)), error.to_string())
    }
}

/// One line of text for logs and golden tests; `rules` draws the source line with carets.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}[{}]: {}", self.code.as_str(), self.message)?;
        if !self.file.is_empty() {
            write!(f, "\n  --> {}", self.file)?;
        }
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        write!(f, "\n   = help: {}", self.help)
    }
}
