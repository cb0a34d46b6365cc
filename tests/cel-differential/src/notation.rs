//! Types as the tables write them: `list(A)`, `map(K, int)`.
//!
//! Letters are types to choose: `A` and `B` any, `K` one that keys of maps have.

use rules_cel::Type;

/// The number of the letter `K`.
pub(crate) const KEY: u32 = 10;

/// Reads a type.
///
/// # Panics
/// Where the text is none: tables are constant.
pub(crate) fn ty(text: &str) -> Type {
    let (name, inside) = match text.trim().split_once('(') {
        Some((name, inside)) => (name, inside.strip_suffix(')').expect("brackets are closed")),
        None => (text.trim(), ""),
    };
    match name {
        "A" => Type::Param(0),
        "B" => Type::Param(1),
        "K" => Type::Param(KEY),
        "dyn" => Type::Dyn,
        "list" => Type::list(ty(inside)),
        "optional" => Type::optional(ty(inside)),
        "type" => Type::type_of(ty(inside)),
        "map" => {
            // No key has a comma.
            let (key, value) = inside.split_once(',').expect("a map has keys and values");
            Type::map(ty(key), ty(value))
        }
        "timestamp" => Type::Timestamp,
        "duration" => Type::Duration,
        name => Type::named(name).unwrap_or_else(|| panic!("`{name}` is no type")),
    }
}
