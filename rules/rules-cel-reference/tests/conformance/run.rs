//! One case: parsed, checked, evaluated, and held to what the data says of it.

use rules_cel::{Diagnostic, Env, Type, Typing, check, parse};
use rules_cel_reference::{Bindings, Descriptors, Numbers, Settings, Value, evaluate};

use crate::data::{Case, Data};
use crate::{notation, trees, types, values};

const SETTINGS: Settings = Settings { steps: 1_000_000, numbers: Numbers::Rounded };

/// The message types as the case means them.
fn descriptors(case: &Case, data: &Data) -> Descriptors {
    if case.name.contains("/strong_proto") {
        Descriptors::with_strong_enums(data.pool.clone())
    } else {
        Descriptors::new(data.pool.clone())
    }
}

fn environment<'d>(case: &Case, types: &'d Descriptors) -> Env<'d> {
    let mut env = Env::new(types);
    env.set_container(case.original.container.as_str()).set_typing(Typing::Definition);
    types.declare_enums(&mut env);
    if case.suite == "checking" {
        types::declare_common(&mut env);
    }
    types::declare(&case.original.type_env, &mut env);
    env
}

fn told(diagnostics: &[Diagnostic]) -> String {
    let messages: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    messages.join("; ")
}

/// Whether the case has the value, or the failure, that it should have.
pub(crate) fn value(case: &Case, data: &Data) -> Result<(), String> {
    let types = descriptors(case, data);
    let mut env = environment(case, &types);
    if case.original.disable_check {
        env.set_typing(Typing::Dynamic);
        for name in case.original.bindings.keys() {
            env.variable(name.as_str(), Type::Dyn);
        }
    }
    let parsed = parse(&case.original.expr);
    if !parsed.diagnostics.is_empty() {
        return Err(format!("does not parse: {}", told(&parsed.diagnostics)));
    }
    let checked = check(&parsed.ast, &env);
    if !checked.diagnostics.is_empty() && !case.original.disable_check {
        return Err(format!("does not check: {}", told(&checked.diagnostics)));
    }
    if case.original.check_only {
        return Ok(());
    }
    let bindings = case.original.bindings.iter().fold(Bindings::new(), |bindings, (name, value)| {
        bindings.bind(name.as_str(), values::read(&value["value"], &data.pool, &types))
    });
    let found = evaluate(&checked.checked, &bindings, &types, SETTINGS);
    if case.original.eval_error.is_some() {
        return match found {
            Ok(value) => Err(format!("should fail, and is {value:?}")),
            Err(_) => Ok(()),
        };
    }
    let result = case.original.typed_result.as_ref().and_then(|typed| typed.result.as_ref());
    let wanted = case.original.value.as_ref().or(result);
    let wanted = wanted.map_or(Value::Bool(true), |value| values::read(value, &data.pool, &types));
    match found {
        Ok(found) if values::same(&found, &wanted, &types) => Ok(()),
        Ok(found) => Err(format!("should be {wanted:?}, and is {found:?}")),
        Err(stop) => Err(format!("should be {wanted:?}, and fails: {stop}")),
    }
}

/// Whether the case has the type that it should have; nothing where the data has none.
pub(crate) fn ty(case: &Case, data: &Data) -> Option<Result<(), String>> {
    let deduced = case.original.typed_result.as_ref().and_then(|typed| typed.deduced_type.as_ref());
    // An `Any` may be anything: it is dyn here.
    let wanted = deduced.map(types::deduced).or_else(|| case.ty.clone())?.replace("any", "dyn");
    let types = Descriptors::new(data.pool.clone());
    let env = environment(case, &types);
    let parsed = parse(&case.original.expr);
    let checked = check(&parsed.ast, &env);
    let diagnostics = [parsed.diagnostics, checked.diagnostics].concat();
    if !diagnostics.is_empty() {
        return Some(Err(format!("should be {wanted}, and does not check: {}", told(&diagnostics))));
    }
    let found = types::written(checked.checked.ty());
    Some(if found == wanted { Ok(()) } else { Err(format!("should be {wanted}, and is {found}")) })
}

/// Whether the case has the tree that it should have; nothing where the data has none.
pub(crate) fn tree(case: &Case) -> Option<Result<(), String>> {
    let wanted = case.ast.as_ref()?;
    let parsed = parse(&case.original.expr);
    if !parsed.diagnostics.is_empty() {
        return Some(Err(format!("does not parse: {}", told(&parsed.diagnostics))));
    }
    let found = notation::write(&trees::tree(&parsed.ast, parsed.ast.root()));
    Some(if found == *wanted { Ok(()) } else { Err(format!("should be\n{wanted}\nand is\n{found}")) })
}

/// Whether parsing complains; so does checking, about macros, which are calls before.
pub(crate) fn does_not_parse(case: &Case) -> Result<(), String> {
    let parsed = parse(&case.original.expr);
    let types = Descriptors::default();
    let mut env = Env::new(&types);
    env.set_typing(Typing::Dynamic);
    let checked = check(&parsed.ast, &env);
    let is_told = !parsed.diagnostics.is_empty() || !checked.diagnostics.is_empty();
    is_told.then_some(()).ok_or_else(|| "parses, and should not".to_owned())
}

/// Whether checking complains, or parsing before.
pub(crate) fn does_not_check(case: &Case, data: &Data) -> Result<(), String> {
    let types = descriptors(case, data);
    let env = environment(case, &types);
    let parsed = parse(&case.original.expr);
    let checked = check(&parsed.ast, &env);
    let is_told = !parsed.diagnostics.is_empty() || !checked.diagnostics.is_empty();
    is_told.then_some(()).ok_or_else(|| format!("is {}, and should not be", types::written(checked.checked.ty())))
}

/// Whether the value is of the type that was deduced.
pub(crate) fn is_of_its_type(case: &Case, data: &Data) -> Result<(), String> {
    let types = descriptors(case, data);
    let checked = check(&parse(&case.original.expr).ast, &environment(case, &types)).checked;
    let bindings = case.original.bindings.iter().fold(Bindings::new(), |bindings, (name, value)| {
        bindings.bind(name.as_str(), values::read(&value["value"], &data.pool, &types))
    });
    let value = evaluate(&checked, &bindings, &types, SETTINGS).map_err(|stop| stop.to_string())?;
    let (found, wanted) = (value.type_name(), types::written(checked.ty()));
    let is_same = found.rsplit('.').next().is_some_and(|name| name.eq_ignore_ascii_case(&wanted));
    is_same.then_some(()).ok_or_else(|| format!("{value:?} is {found}, and should be {wanted}"))
}

/// Whether something is told of the place where the data has its first mistake; nothing where the data has no place, or nothing is
/// told, which is another aspect's matter.
pub(crate) fn place(case: &Case, data: &Data) -> Option<Result<(), String>> {
    let error = case.error.as_ref()?;
    let wanted = offset(&case.original.expr, error)?;
    let types = descriptors(case, data);
    let mut env = environment(case, &types);
    if case.suite == "parsing" {
        // Its cases declare nothing.
        env.set_typing(Typing::Dynamic);
    }
    let parsed = parse(&case.original.expr);
    let checked = check(&parsed.ast, &env);
    // Of a text that does not parse, only that is told.
    let told = if parsed.diagnostics.is_empty() { checked.diagnostics } else { parsed.diagnostics };
    if told.is_empty() {
        return None;
    }
    // The end counts: the data has calls at their bracket, and fields at their dot.
    let covers =
        |of: &Diagnostic| (of.span.start as usize).saturating_sub(1) <= wanted && wanted <= of.span.end as usize;
    let shown = told.iter().map(|of| format!("{}..{} {}", of.span.start, of.span.end, of.message)).collect::<Vec<_>>();
    let first = error.lines().next().unwrap_or_default();
    Some(if told.iter().any(covers) {
        Ok(())
    } else {
        Err(format!("{wanted}: {first}\n      ours: {}", shown.join("; ")))
    })
}

/// The place of the first mistake, in bytes: `ERROR: <input>:LINE:COLUMN: …`, both from 1, in code points.
fn offset(source: &str, error: &str) -> Option<usize> {
    let place = error.strip_prefix("ERROR: ")?;
    let mut numbers = place.strip_prefix("<input>").unwrap_or(place).split(':').skip(1).map(str::parse::<usize>);
    let (line, column) = (numbers.next()?.ok()?.checked_sub(1)?, numbers.next()?.ok()?.checked_sub(1)?);
    let mut lines = source.split_inclusive('\n');
    let before: usize = lines.by_ref().take(line).map(str::len).sum();
    let line = lines.next().unwrap_or_default();
    let at = line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(column)?;
    Some(before + at)
}
