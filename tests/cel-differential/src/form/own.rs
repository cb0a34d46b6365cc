//! Forms that no table of the library has: operators with types of the checker's own, literals, reading, macros, and functions that
//! take more than their signatures say.

use super::Form;
use crate::notation::ty;

/// Name, what it is worth, template, holes.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

pub(super) fn forms() -> Vec<Form> {
    let tables = [OPERATORS, READING, LITERALS, MACROS, TWO_VARIABLES, OPTIONALS, NUMBERS, FORMAT, MIXED];
    let form = |(name, result, template, holes): &Row| Form::of(name, ty(result), template, holes);
    tables.into_iter().flatten().map(form).collect()
}

const OPERATORS: &[Row] = &[
    ("equals", "bool", "(@ == @)", &["A", "A"]),
    ("not_equals", "bool", "(@ != @)", &["A", "A"]),
    ("in_list", "bool", "(@ in @)", &["A", "list(A)"]),
    ("in_map", "bool", "(@ in @)", &["K", "map(K, A)"]),
    ("logical_and", "bool", "(@ && @)", &["bool", "bool"]),
    ("logical_and", "bool", "(@ && @ && @)", &["bool", "bool", "bool"]),
    ("logical_or", "bool", "(@ || @)", &["bool", "bool"]),
    ("logical_or", "bool", "(@ || @ || @)", &["bool", "bool", "bool"]),
    ("conditional", "A", "(@ ? @ : @)", &["bool", "A", "A"]),
];

const READING: &[Row] = &[
    ("index_list", "A", "@[@]", &["list(A)", "int"]),
    ("index_map", "A", "@[@]", &["map(K, A)", "K"]),
    ("select", "A", "@.a", &["map(string, A)"]),
    ("has", "bool", "has(@.a)", &["map(string, A)"]),
    ("select_dyn", "dyn", "any.a", &[]),
    ("index_dyn", "dyn", "any.l[@]", &["int"]),
    ("has_dyn", "bool", "has(any.a)", &[]),
];

const LITERALS: &[Row] = &[
    ("list", "list(A)", "[@]", &["A"]),
    ("list", "list(A)", "[@, @, @]", &["A", "A", "A"]),
    ("list_mixed", "list(dyn)", "[dyn(@), @]", &["A", "B"]),
    ("list_optional", "list(A)", "[?@, @]", &["optional(A)", "A"]),
    ("map", "map(K, A)", "{@: @}", &["K", "A"]),
    ("map", "map(string, A)", "{'a': @, 'b': @}", &["A", "A"]),
    ("map_mixed", "map(string, dyn)", "{'a': dyn(@), 'b': @}", &["A", "B"]),
    ("map_optional", "map(K, A)", "{?@: @}", &["K", "optional(A)"]),
    ("wrapper_bool", "bool", "google.protobuf.BoolValue{value: @}", &["bool"]),
    ("wrapper_int", "int", "google.protobuf.Int64Value{value: @}", &["int"]),
    ("wrapper_int32", "int", "google.protobuf.Int32Value{value: @}", &["int"]),
    ("wrapper_uint", "uint", "google.protobuf.UInt64Value{value: @}", &["uint"]),
    ("wrapper_double", "double", "google.protobuf.DoubleValue{value: @}", &["double"]),
    ("wrapper_float", "double", "google.protobuf.FloatValue{value: @}", &["double"]),
    ("wrapper_string", "string", "google.protobuf.StringValue{value: @}", &["string"]),
    ("wrapper_bytes", "bytes", "google.protobuf.BytesValue{value: @}", &["bytes"]),
    ("message_timestamp", "timestamp", "google.protobuf.Timestamp{seconds: @}", &["int"]),
    ("message_duration", "duration", "google.protobuf.Duration{seconds: @}", &["int"]),
    ("message_struct", "map(string, dyn)", "google.protobuf.Struct{fields: {'a': @}}", &["double"]),
    ("message_list", "list(dyn)", "google.protobuf.ListValue{values: [@, @]}", &["string", "string"]),
    ("message_value", "dyn", "google.protobuf.Value{number_value: @}", &["double"]),
];

const MACROS: &[Row] = &[
    ("all", "bool", "@.all($x, @)", &["list(A)", "bool / x: A"]),
    ("all_map", "bool", "@.all($x, @)", &["map(K, A)", "bool / x: K"]),
    ("exists", "bool", "@.exists($x, @)", &["list(A)", "bool / x: A"]),
    ("exists_map", "bool", "@.exists($x, @)", &["map(K, A)", "bool / x: K"]),
    ("exists_one", "bool", "@.exists_one($x, @)", &["list(A)", "bool / x: A"]),
    ("exists_one_map", "bool", "@.exists_one($x, @)", &["map(K, A)", "bool / x: K"]),
    ("filter", "list(A)", "@.filter($x, @)", &["list(A)", "bool / x: A"]),
    ("map_list", "list(B)", "@.map($x, @)", &["list(A)", "B / x: A"]),
    ("map_list_filter", "list(B)", "@.map($x, @, @)", &["list(A)", "bool / x: A", "B / x: A"]),
    ("bind", "B", "cel.bind($x, @, @)", &["A", "B / x: A"]),
];

const TWO_VARIABLES: &[Row] = &[
    ("all_two", "bool", "@.all($x, $y, @)", &["list(A)", "bool / x: int; y: A"]),
    ("all_two_map", "bool", "@.all($x, $y, @)", &["map(K, A)", "bool / x: K; y: A"]),
    ("exists_two", "bool", "@.exists($x, $y, @)", &["list(A)", "bool / x: int; y: A"]),
    ("exists_two_map", "bool", "@.exists($x, $y, @)", &["map(K, A)", "bool / x: K; y: A"]),
    ("exists_one_two", "bool", "@.existsOne($x, $y, @)", &["list(A)", "bool / x: int; y: A"]),
    ("exists_one_two_map", "bool", "@.existsOne($x, $y, @)", &["map(K, A)", "bool / x: K; y: A"]),
    ("transform_list", "list(B)", "@.transformList($x, $y, @)", &["list(A)", "B / x: int; y: A"]),
    (
        "transform_list_filter",
        "list(B)",
        "@.transformList($x, $y, @, @)",
        &["list(A)", "bool / x: int; y: A", "B / x: int; y: A"],
    ),
    ("transform_map", "map(int, B)", "@.transformMap($x, $y, @)", &["list(A)", "B / x: int; y: A"]),
    ("transform_map", "map(K, B)", "@.transformMap($x, $y, @)", &["map(K, A)", "B / x: K; y: A"]),
    (
        "transform_map_filter",
        "map(K, B)",
        "@.transformMap($x, $y, @, @)",
        &["map(K, A)", "bool / x: K; y: A", "B / x: K; y: A"],
    ),
    ("transform_map_entry", "map(K, B)", "@.transformMapEntry($x, $y, @)", &["list(A)", "map(K, B) / x: int; y: A"]),
    (
        "transform_map_entry_filter",
        "map(K, B)",
        "@.transformMapEntry($x, $y, @, @)",
        &["list(A)", "bool / x: int; y: A", "map(K, B) / x: int; y: A"],
    ),
];

const OPTIONALS: &[Row] = &[
    ("select_optional", "optional(A)", "@.?a", &["map(string, A)"]),
    ("index_list_optional", "optional(A)", "@[?@]", &["list(A)", "int"]),
    ("index_map_optional", "optional(A)", "@[?@]", &["map(K, A)", "K"]),
    ("select_of_optional", "optional(A)", "@.a", &["optional(map(string, A))"]),
    ("index_list_of_optional", "optional(A)", "@[@]", &["optional(list(A))", "int"]),
    ("has_of_optional", "bool", "has(@.a)", &["optional(map(string, A))"]),
    ("optional_map", "optional(B)", "@.optMap($x, @)", &["optional(A)", "B / x: A"]),
    ("optional_flat_map", "optional(B)", "@.optFlatMap($x, @)", &["optional(A)", "optional(B) / x: A"]),
];

const NUMBERS: &[Row] = &[
    ("math_greatest", "int", "math.greatest(@)", &["int"]),
    ("math_greatest", "int", "math.greatest(@, @)", &["int", "int"]),
    ("math_greatest", "double", "math.greatest(@, @, @)", &["double", "double", "double"]),
    ("math_greatest", "uint", "math.greatest(@, @)", &["uint", "uint"]),
    ("math_greatest_list", "int", "math.greatest([@, @])", &["int", "int"]),
    ("math_greatest_list", "double", "math.greatest(@)", &["list(double)"]),
    ("math_greatest_mixed", "dyn", "math.greatest(@, @, @)", &["int", "double", "uint"]),
    ("math_least", "int", "math.least(@)", &["int"]),
    ("math_least", "int", "math.least(@, @)", &["int", "int"]),
    ("math_least", "double", "math.least(@, @, @)", &["double", "double", "double"]),
    ("math_least", "uint", "math.least(@, @)", &["uint", "uint"]),
    ("math_least_list", "int", "math.least([@, @])", &["int", "int"]),
    ("math_least_list", "double", "math.least(@)", &["list(double)"]),
    ("math_least_mixed", "dyn", "math.least(@, @, @)", &["int", "double", "uint"]),
];

const FORMAT: &[Row] = &[
    ("format_s", "string", "'<%s>'.format([@])", &["A"]),
    ("format_d", "string", "'%d'.format([@])", &["int"]),
    ("format_d", "string", "'%d'.format([@])", &["uint"]),
    ("format_f", "string", "'%f %%'.format([@])", &["double"]),
    ("format_f", "string", "'%.3f'.format([@])", &["double"]),
    ("format_e", "string", "'%e'.format([@])", &["double"]),
    ("format_e", "string", "'%.2e'.format([@])", &["double"]),
    ("format_b", "string", "'%b'.format([@])", &["int"]),
    ("format_b", "string", "'%b'.format([@])", &["bool"]),
    ("format_o", "string", "'%o'.format([@])", &["int"]),
    ("format_x", "string", "'%x'.format([@])", &["int"]),
    ("format_x", "string", "'%X'.format([@])", &["string"]),
    ("format_x", "string", "'%x'.format([@])", &["bytes"]),
    ("format_many", "string", "'%s and %d, %s'.format([@, @, @])", &["string", "int", "bool"]),
];

/// Operands of several types meet where the checker cannot see it.
const MIXED: &[Row] = &[
    ("equals_mixed", "bool", "(dyn(@) == @)", &["int", "double"]),
    ("equals_mixed", "bool", "(dyn(@) == @)", &["uint", "int"]),
    ("equals_mixed", "bool", "(dyn(@) != @)", &["double", "uint"]),
    ("equals_mixed", "bool", "(dyn(@) == dyn(@))", &["A", "B"]),
    ("less_mixed", "bool", "(dyn(@) < @)", &["int", "double"]),
    ("less_mixed", "bool", "(dyn(@) >= @)", &["double", "uint"]),
    ("less_mixed", "bool", "(dyn(@) <= @)", &["uint", "int"]),
    ("in_list_mixed", "bool", "(dyn(@) in @)", &["int", "list(double)"]),
    ("in_map_mixed", "bool", "(dyn(@) in @)", &["uint", "map(int, A)"]),
    ("index_map_mixed", "A", "@[dyn(@)]", &["map(int, A)", "uint"]),
    ("index_list_mixed", "A", "@[dyn(@)]", &["list(A)", "double"]),
    ("add_mixed", "dyn", "(dyn(@) + @)", &["int", "int"]),
    ("add_mixed", "dyn", "(dyn(@) + @)", &["A", "string"]),
    ("add_mixed", "dyn", "(@ + dyn(@))", &["list(A)", "list(B)"]),
    ("filter_map", "list(K)", "@.filter($x, @)", &["map(K, A)", "bool / x: K"]),
    ("map_map", "list(B)", "@.map($x, @)", &["map(K, A)", "B / x: K"]),
];
