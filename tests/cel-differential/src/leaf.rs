//! What stands where nothing more is drawn: constants, and the variables that every expression may use.

use rules_cel::Type;

use crate::dice::Dice;

/// The variables, and of what type they are.
pub fn variables() -> [(&'static str, Type); 15] {
    [
        ("n", Type::Int),
        ("k", Type::Int),
        ("u", Type::Uint),
        ("x", Type::Double),
        ("s", Type::String),
        ("t", Type::String),
        ("y", Type::Bytes),
        ("b", Type::Bool),
        ("at", Type::Timestamp),
        ("long", Type::Duration),
        ("ln", Type::list(Type::Int)),
        ("ls", Type::list(Type::String)),
        ("ms", Type::map(Type::String, Type::Int)),
        ("mn", Type::map(Type::Int, Type::String)),
        ("any", Type::Dyn),
    ]
}

/// Constants of a type, the simplest first; none where its values are made of others.
pub(crate) fn constants(ty: &Type) -> &'static [&'static str] {
    match ty {
        Type::Null => &["null"],
        Type::Bool => &["true", "false"],
        Type::Int => &[
            "0",
            "1",
            "2",
            "3",
            "5",
            "7",
            "10",
            "(-1)",
            "(-7)",
            "100",
            "0x1F",
            "1000000007",
            "4294967296",
            "9007199254740993",
            "9223372036854775807",
            "(-9223372036854775808)",
        ],
        Type::Uint => &["0u", "1u", "2u", "3u", "7u", "0x10u", "1000u", "9007199254740993u", "18446744073709551615u"],
        Type::Double => &[
            "0.0",
            "1.0",
            "2.0",
            "2.5",
            "0.1",
            "(-0.5)",
            "(-0.0)",
            "3.7",
            "1e-7",
            "123456789.125",
            "1e21",
            "9007199254740992.0",
            "1e300",
            "5e-324",
        ],
        Type::String => &[
            "''",
            "'a'",
            "'b'",
            "'abc'",
            "'Hello World'",
            "' x\\t'",
            "'\u{e4}\u{1f600}z'",
            "'a,b,,c'",
            "\"it's\"",
            "r'\\d'",
            "'\\u00e9\\n'",
            "'12'",
        ],
        Type::Bytes => &["b''", "b'a'", "b'abc'", "b'\\xff\\x00'", "b'\u{e4}'"],
        Type::Timestamp => &[
            "timestamp(0)",
            "timestamp('2026-01-31T18:00:00Z')",
            "timestamp('2024-02-29T12:34:56.789Z')",
            "timestamp('1969-12-31T23:59:59.999999999Z')",
            "timestamp('0001-01-01T00:00:00Z')",
            "timestamp('9999-12-31T23:59:59.5Z')",
        ],
        Type::Duration => &[
            "duration('0s')",
            "duration('90s')",
            "duration('-1h30m')",
            "duration('1ns')",
            "duration('1.5s')",
            "duration('2400h')",
        ],
        _ => &[],
    }
}

/// A type whose values are constants.
pub(crate) fn basic(dice: &mut impl Dice) -> Type {
    const BASIC: [Type; 10] = [
        Type::Int,
        Type::String,
        Type::Double,
        Type::Bool,
        Type::Uint,
        Type::Bytes,
        Type::Timestamp,
        Type::Duration,
        Type::Int,
        Type::String,
    ];
    BASIC[dice.below(BASIC.len())].clone()
}

/// Any type.
pub(crate) fn any(dice: &mut impl Dice) -> Type {
    match dice.below(24) {
        0..=16 => basic(dice),
        17..=19 => Type::list(basic(dice)),
        20 | 21 => Type::map(key(dice), basic(dice)),
        22 => Type::list(Type::list(Type::Int)),
        _ => [Type::Null, Type::Dyn, Type::optional(Type::Int), Type::type_of(Type::Int)][dice.below(4)].clone(),
    }
}

/// A type that keys of maps have.
pub(crate) fn key(dice: &mut impl Dice) -> Type {
    [Type::String, Type::Int, Type::String, Type::Uint, Type::Bool][dice.below(5)].clone()
}
