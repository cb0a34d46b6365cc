//! The targets, each in a file of its own, and what several of them share.

#[cfg(feature = "admin")]
mod admin;
#[cfg(feature = "bundle")]
mod bundle;
#[cfg(any(
    feature = "bundle",
    feature = "capture",
    feature = "cell",
    feature = "programs",
    feature = "rules",
    feature = "verify"
))]
mod bundles;
#[cfg(feature = "capture")]
mod capture;
#[cfg(feature = "catalogue")]
mod catalogue;
#[cfg(any(feature = "cel", feature = "reference"))]
mod cel;
#[cfg(feature = "cell")]
mod cell;
#[cfg(feature = "session")]
mod certificate;
#[cfg(feature = "config")]
mod config;
#[cfg(feature = "spool")]
mod damage;
#[cfg(any(feature = "cell", feature = "programs"))]
mod evaluation;
#[cfg(feature = "extract")]
mod extract;
#[cfg(any(feature = "session", feature = "token"))]
mod issuer;
#[cfg(feature = "journal")]
mod journal;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "keys")]
mod keys;
#[cfg(any(feature = "cell", feature = "extract", feature = "json", feature = "programs"))]
mod payloads;
#[cfg(feature = "session")]
mod peer;
#[cfg(feature = "session")]
mod peers;
#[cfg(feature = "programs")]
mod programs;
#[cfg(feature = "record")]
mod record;
#[cfg(feature = "reference")]
mod reference;
#[cfg(feature = "rules")]
mod rules;
#[cfg(any(feature = "extract", feature = "json"))]
mod schemas;
#[cfg(feature = "session")]
mod session;
#[cfg(feature = "sink")]
mod sink;
#[cfg(feature = "spool")]
mod spool;
#[cfg(any(feature = "spool", feature = "record"))]
mod spools;
#[cfg(feature = "token")]
mod token;
#[cfg(feature = "verify")]
mod verify;
#[cfg(feature = "wire")]
mod wire;

/// A row a target: its feature, which is its name; its module; longest input, memory, and what it is.
macro_rules! targets {
    ($($feature:literal $module:ident $len_max:literal $memory:expr, $about:literal;)+) => {
        /// Every target of this build, by name.
        pub static TARGETS: &[crate::Target] = &[$(
            #[cfg(feature = $feature)]
            crate::Target {
                name: $feature,
                about: $about,
                len_max: $len_max,
                memory: $memory,
                run: $module::run,
                seeds: $module::seeds,
            },
        )+];
    };
}

targets! {
    "admin" admin 4096 (64 << 10, 64),
        "a line of the control socket: a message that is one line again, or words";
    "bundle" bundle 2048 (32 << 10, 16),
        "a bundle's container, digests made right: refused with a code, never taken unsigned";
    "capture" capture 4096 (32 << 20, 512),
        "recorded events: read twice alike, in the order of their lines, or one error with its line";
    "catalogue" catalogue 8192 (8 << 20, 4096),
        "a catalogue's .proto: diagnostics, or a catalogue whose bytes load as the same";
    "cel" cel 2048 (4 << 20, 4096),
        "an expression: parsed, checked, folded, written out and read again as the same";
    "cell" cell 512 (1 << 20, 64),
        "a durable cell of a rule's state: refused, or taken back and evaluated with";
    "config" config 8192 (4 << 20, 512),
        "a config file: resolved within its limits, or problems with lines and words";
    "extract" extract 1024 (64 << 10, 512),
        "a schema and a payload: what admission passes equals an independent decoder's reading";
    "journal" journal 2048 (4 << 20, 64),
        "the client's queue on disk: opened twice alike, or refused and left alone";
    "json" json 4096 (1 << 20, 1024),
        "JSON for a payload: refused with words, or encoded, admitted, decoded, and the same again";
    "keys" keys 2048 (64 << 10, 64),
        "key files and stored revisions: malformed with words, or written and read as the same";
    "programs" programs 16384 (32 << 20, 4096),
        "a signed bundle's inside: refused, or evaluated twice alike within its stated worst case";
    "record" record 4096 (64 << 10, 64),
        "a record of the spool: refused, or encoded and decoded as the same";
    "reference" reference 1024 (16 << 20, 4096),
        "an expression and its names: an end within its steps, the same twice, and the same when written out";
    "rules" rules 8192 (32 << 20, 8192),
        "rule files: shown diagnostics inside the text; without errors, tests and a bundle that loads";
    "session" session 512 (16 << 20, 8192),
        "a session driven by a stranger: bounded, amplifying at most 3.00 times, ending, a newcomer served";
    "sink" sink 256 (8 << 20, 4096),
        "the file sink on changed files: opened twice alike, no command missing or twice";
    "spool" spool 256 (8 << 20, 4096),
        "the spool on a changed disk: nothing unwritten is delivered, loss is told, recovery repeats itself";
    "token" token 4096 (64 << 10, 64),
        "tokens and key sets: refused with their code, or claims within their limits";
    "verify" verify 256 (8 << 20, 4096),
        "a condition about an event: refused, or the engine says what CEL's reference interpreter says";
    "wire" wire 1024 (32 << 10, 24),
        "streams, control frames, datagrams, numbers, close reasons: decode, encode, decode";
}
