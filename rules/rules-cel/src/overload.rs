//! The table of everything that can be called: one value for each function and operand types.
//!
//! A checked call carries these, and whoever lowers or interprets the tree matches upon them. The signatures stand in
//! [`crate::library`]. Deliberately absent: `&&`, `||`, `?:`, index, field and the macros, which are nodes of their own.

/// Operators that order two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Relation {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

/// Operand types, left and right, that have an order. Mixed numbers compare by exact mathematical value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ordered {
    /// bool, bool
    Bool,
    /// int, int
    Int,
    /// int, uint
    IntUint,
    /// int, double
    IntDouble,
    /// uint, uint
    Uint,
    /// uint, int
    UintInt,
    /// uint, double
    UintDouble,
    /// double, double
    Double,
    /// double, int
    DoubleInt,
    /// double, uint
    DoubleUint,
    /// string, string: by code point
    String,
    /// bytes, bytes
    Bytes,
    /// timestamp, timestamp
    Timestamp,
    /// duration, duration
    Duration,
}

/// A part of a timestamp or duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimePart {
    /// `getFullYear`
    FullYear,
    /// `getMonth`, from 0
    Month,
    /// `getDayOfYear`, from 0
    DayOfYear,
    /// `getDayOfMonth`, from 0
    DayOfMonth,
    /// `getDate`, from 1
    Date,
    /// `getDayOfWeek`, Sunday is 0
    DayOfWeek,
    /// `getHours`: of the day, or whole hours of a duration
    Hours,
    /// `getMinutes`: of the hour, or whole minutes of a duration
    Minutes,
    /// `getSeconds`: of the minute, or whole seconds of a duration
    Seconds,
    /// `getMilliseconds`: of the second, for timestamps and durations alike
    Milliseconds,
}

macro_rules! overloads {
    ($($(#[$doc:meta])* $name:ident = $id:literal,)*) => {
        /// Which function with which operand types. The receiver of a method is the first argument.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Overload {
            /// `<`, `<=`, `>`, `>=`
            Compare(Relation, Ordered),
            /// `getHours()` and its kin on a timestamp; with the time zone as second argument where the flag says so.
            TimestampPart(TimePart, bool),
            /// `getHours()` and its kin on a duration.
            DurationPart(TimePart),
            /// A function of the caller, by the caller's number.
            Custom(u32),
            $($(#[$doc])* $name,)*
        }

        impl Overload {
            /// A stable word, for reports and tests; the specification's own where it has one.
            pub fn id(self) -> String {
                match self {
                    Self::Compare(relation, ordered) => format!("{relation:?}_{ordered:?}").to_lowercase(),
                    Self::TimestampPart(part, false) => format!("timestamp_to_{part:?}").to_lowercase(),
                    Self::TimestampPart(part, true) => format!("timestamp_to_{part:?}_with_tz").to_lowercase(),
                    Self::DurationPart(part) => format!("duration_to_{part:?}").to_lowercase(),
                    Self::Custom(number) => format!("custom_{number}"),
                    $(Self::$name => $id.to_owned(),)*
                }
            }
        }
    };
}

overloads! {
    /// `!bool`
    Not = "logical_not",
    /// `==`; numbers of different types compare by value, other operands have one type or are dyn.
    Equals = "equals",
    /// `!=`
    NotEquals = "not_equals",
    /// element `in` list
    InList = "in_list",
    /// key `in` map
    InMap = "in_map",

    /// int + int; overflow is an error
    AddInt = "add_int64",
    /// uint + uint; overflow is an error
    AddUint = "add_uint64",
    /// double + double
    AddDouble = "add_double",
    /// string + string
    AddString = "add_string",
    /// bytes + bytes
    AddBytes = "add_bytes",
    /// list + list
    AddList = "add_list",
    /// duration + duration
    AddDurationDuration = "add_duration_duration",
    /// duration + timestamp
    AddDurationTimestamp = "add_duration_timestamp",
    /// timestamp + duration
    AddTimestampDuration = "add_timestamp_duration",
    /// int - int; overflow is an error
    SubtractInt = "subtract_int64",
    /// uint - uint; underflow is an error
    SubtractUint = "subtract_uint64",
    /// double - double
    SubtractDouble = "subtract_double",
    /// timestamp - timestamp, a duration
    SubtractTimestampTimestamp = "subtract_timestamp_timestamp",
    /// timestamp - duration
    SubtractTimestampDuration = "subtract_timestamp_duration",
    /// duration - duration
    SubtractDurationDuration = "subtract_duration_duration",
    /// int * int; overflow is an error
    MultiplyInt = "multiply_int64",
    /// uint * uint; overflow is an error
    MultiplyUint = "multiply_uint64",
    /// double * double
    MultiplyDouble = "multiply_double",
    /// int / int, towards zero; by zero is an error
    DivideInt = "divide_int64",
    /// uint / uint; by zero is an error
    DivideUint = "divide_uint64",
    /// double / double
    DivideDouble = "divide_double",
    /// int % int, sign of the left; by zero is an error
    ModuloInt = "modulo_int64",
    /// uint % uint; by zero is an error
    ModuloUint = "modulo_uint64",
    /// -int; overflow is an error
    NegateInt = "negate_int64",
    /// -double
    NegateDouble = "negate_double",

    /// code points of a string
    SizeString = "size_string",
    /// bytes of a bytes
    SizeBytes = "size_bytes",
    /// elements of a list
    SizeList = "size_list",
    /// entries of a map
    SizeMap = "size_map",
    /// string.contains(string)
    Contains = "contains_string",
    /// string.startsWith(string)
    StartsWith = "starts_with_string",
    /// string.endsWith(string)
    EndsWith = "ends_with_string",
    /// string.matches(pattern), matches(string, pattern)
    Matches = "matches_string",

    /// type(value)
    TypeOf = "type",
    /// dyn(value): forgets the type
    ToDyn = "to_dyn",
    /// bool(bool)
    BoolToBool = "bool_to_bool",
    /// bool(string)
    StringToBool = "string_to_bool",
    /// bytes(bytes)
    BytesToBytes = "bytes_to_bytes",
    /// bytes(string), UTF-8
    StringToBytes = "string_to_bytes",
    /// double(double)
    DoubleToDouble = "double_to_double",
    /// double(int)
    IntToDouble = "int64_to_double",
    /// double(uint)
    UintToDouble = "uint64_to_double",
    /// double(string)
    StringToDouble = "string_to_double",
    /// duration(duration)
    DurationToDuration = "duration_to_duration",
    /// duration(int), seconds
    IntToDuration = "int64_to_duration",
    /// duration(string), for example `1h30m`
    StringToDuration = "string_to_duration",
    /// int(int)
    IntToInt = "int64_to_int64",
    /// int(uint)
    UintToInt = "uint64_to_int64",
    /// int(double), towards zero
    DoubleToInt = "double_to_int64",
    /// int(string)
    StringToInt = "string_to_int64",
    /// int(timestamp), seconds since 1970
    TimestampToInt = "timestamp_to_int64",
    /// int(duration), seconds
    DurationToInt = "duration_to_int64",
    /// string(string)
    StringToString = "string_to_string",
    /// string(bool)
    BoolToString = "bool_to_string",
    /// string(int)
    IntToString = "int64_to_string",
    /// string(uint)
    UintToString = "uint64_to_string",
    /// string(double)
    DoubleToString = "double_to_string",
    /// string(bytes); not UTF-8 is an error
    BytesToString = "bytes_to_string",
    /// string(timestamp), RFC 3339
    TimestampToString = "timestamp_to_string",
    /// string(duration), seconds with an `s`
    DurationToString = "duration_to_string",
    /// timestamp(timestamp)
    TimestampToTimestamp = "timestamp_to_timestamp",
    /// timestamp(int), seconds since 1970
    IntToTimestamp = "int64_to_timestamp",
    /// timestamp(string), RFC 3339
    StringToTimestamp = "string_to_timestamp",
    /// uint(uint)
    UintToUint = "uint64_to_uint64",
    /// uint(int); negative is an error
    IntToUint = "int64_to_uint64",
    /// uint(double), towards zero
    DoubleToUint = "double_to_uint64",
    /// uint(string)
    StringToUint = "string_to_uint64",

    /// string.charAt(int)
    CharAt = "string_char_at_int",
    /// string.indexOf(string), -1 when absent
    IndexOf = "string_index_of_string",
    /// string.indexOf(string, from)
    IndexOfFrom = "string_index_of_string_int",
    /// string.lastIndexOf(string), -1 when absent
    LastIndexOf = "string_last_index_of_string",
    /// string.lastIndexOf(string, from)
    LastIndexOfFrom = "string_last_index_of_string_int",
    /// list(string).join()
    Join = "list_join",
    /// list(string).join(separator)
    JoinSeparator = "list_join_string",
    /// string.lowerAscii()
    LowerAscii = "string_lower_ascii",
    /// string.upperAscii()
    UpperAscii = "string_upper_ascii",
    /// string.replace(old, new)
    Replace = "string_replace_string_string",
    /// string.replace(old, new, limit)
    ReplaceLimit = "string_replace_string_string_int",
    /// string.reverse()
    Reverse = "string_reverse",
    /// string.split(separator)
    Split = "string_split_string",
    /// string.split(separator, limit)
    SplitLimit = "string_split_string_int",
    /// string.substring(from)
    SubstringFrom = "string_substring_int",
    /// string.substring(from, to)
    SubstringFromTo = "string_substring_int_int",
    /// string.trim()
    Trim = "string_trim",
    /// string.format(list)
    Format = "string_format_list",
    /// strings.quote(string)
    Quote = "strings_quote",

    /// math.greatest(numbers…) or of one list of numbers
    MathGreatest = "math_greatest",
    /// math.least(numbers…) or of one list of numbers
    MathLeast = "math_least",
    /// math.abs(int); overflow is an error
    MathAbsInt = "math_abs_int",
    /// math.abs(uint)
    MathAbsUint = "math_abs_uint",
    /// math.abs(double)
    MathAbsDouble = "math_abs_double",
    /// math.sign(int)
    MathSignInt = "math_sign_int",
    /// math.sign(uint)
    MathSignUint = "math_sign_uint",
    /// math.sign(double)
    MathSignDouble = "math_sign_double",
    /// math.ceil(double)
    MathCeil = "math_ceil_double",
    /// math.floor(double)
    MathFloor = "math_floor_double",
    /// math.round(double), half away from zero
    MathRound = "math_round_double",
    /// math.trunc(double)
    MathTrunc = "math_trunc_double",
    /// math.sqrt(int)
    MathSqrtInt = "math_sqrt_int",
    /// math.sqrt(uint)
    MathSqrtUint = "math_sqrt_uint",
    /// math.sqrt(double)
    MathSqrtDouble = "math_sqrt_double",
    /// math.isNaN(double)
    MathIsNan = "math_isnan_double",
    /// math.isInf(double)
    MathIsInf = "math_isinf_double",
    /// math.isFinite(double)
    MathIsFinite = "math_isfinite_double",
    /// math.bitAnd(int, int)
    MathBitAndInt = "math_bitand_int_int",
    /// math.bitAnd(uint, uint)
    MathBitAndUint = "math_bitand_uint_uint",
    /// math.bitOr(int, int)
    MathBitOrInt = "math_bitor_int_int",
    /// math.bitOr(uint, uint)
    MathBitOrUint = "math_bitor_uint_uint",
    /// math.bitXor(int, int)
    MathBitXorInt = "math_bitxor_int_int",
    /// math.bitXor(uint, uint)
    MathBitXorUint = "math_bitxor_uint_uint",
    /// math.bitNot(int)
    MathBitNotInt = "math_bitnot_int",
    /// math.bitNot(uint)
    MathBitNotUint = "math_bitnot_uint",
    /// math.bitShiftLeft(int, int)
    MathShiftLeftInt = "math_bitshiftleft_int_int",
    /// math.bitShiftLeft(uint, int)
    MathShiftLeftUint = "math_bitshiftleft_uint_int",
    /// math.bitShiftRight(int, int), logical
    MathShiftRightInt = "math_bitshiftright_int_int",
    /// math.bitShiftRight(uint, int)
    MathShiftRightUint = "math_bitshiftright_uint_int",

    /// base64.encode(bytes)
    Base64Encode = "base64_encode_bytes",
    /// base64.decode(string)
    Base64Decode = "base64_decode_string",

    /// optional.of(value)
    OptionalOf = "optional_of",
    /// optional.ofNonZeroValue(value)
    OptionalOfNonZero = "optional_of_non_zero_value",
    /// optional.none()
    OptionalNone = "optional_none",
    /// optional.hasValue()
    OptionalHasValue = "optional_has_value",
    /// optional.value(); nothing is an error
    OptionalValue = "optional_value",
    /// optional.or(optional)
    OptionalOr = "optional_or_optional",
    /// optional.orValue(value)
    OptionalOrValue = "optional_or_value",
    /// optional.unwrap(list of optionals), list.unwrapOpt(): the values that are there
    OptionalUnwrap = "optional_unwrap",
}

impl Relation {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }
}
