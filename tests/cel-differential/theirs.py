"""Asks the C++ runtime of CEL: one JSON line in, one JSON line out.

The first line declares variables: {"variables": {name: type}, "bindings": [{name: tagged value}, ...]}. Each line after it is a list of
[number of bindings, text]; its answer a list of {"checked": answer, "dynamic": answer}, in order. An answer is {"refused": words},
{"error": words} or {"value": value}; of a checked expression it has "type" beside.

A value is a list that begins with its type. Doubles are their eight bytes in hexadecimal; what Python cannot hold exactly (moments, lengths of
time, types, keys of maps) is the text in which the runtime itself shows values.
"""

import datetime
import json
import struct
import sys

from cel_expr_python import cel

# The extensions that the package can switch on, of those that are CEL here, too.
ENVIRONMENT = """
name: differential
extensions:
- name: optional
- name: strings
- name: math
- name: encoders
- name: bindings
- name: two-var-comprehensions
"""


def bound(value):
    """A value of Python's that the package takes for the tagged one."""
    tag, *rest = value
    if tag == "list":
        return [bound(item) for item in rest]
    if tag == "map":
        return {bound(key): bound(item) for key, item in rest}
    (text,) = rest
    if tag in ("int", "uint"):
        return int(text)
    if tag == "double":
        return struct.unpack(">d", bytes.fromhex(text))[0]
    if tag == "bytes":
        # The package ends other kinds of bytes at a zero.
        return bytearray.fromhex(text)
    if tag == "timestamp":
        return datetime.datetime.fromtimestamp(0, datetime.timezone.utc) + datetime.timedelta(microseconds=int(text))
    if tag == "duration":
        return datetime.timedelta(microseconds=int(text))
    return text


def keys_shown(text):
    """The keys in what the runtime shows of a map, in its order."""
    depth, quoted, at, start, keys = 0, False, 0, 1, []
    while at < len(text):
        c = text[at]
        if quoted:
            if c == "\\":
                at += 1
            elif c == '"':
                quoted = False
        elif c == '"':
            quoted = True
        elif c in "[{(":
            depth += 1
        elif c in "]})":
            depth -= 1
        elif depth == 1 and text.startswith(": ", at):
            keys.append(text[start:at])
        elif depth == 1 and text.startswith(", ", at):
            start = at + 2
        at += 1
    return keys


def fits(shown, key):
    """Whether a shown key is the key that Python has."""
    if isinstance(key, bool):
        return shown == str(key).lower()
    if isinstance(key, int):
        return shown.removesuffix("u") == str(key)
    return shown.startswith('"')


def seen(value):
    """A value of the package's, exactly."""
    name = value.type().name().split("<")[0].lower()
    if name == "null":
        # Not asked for: the package would free `None` once more than it has taken it.
        return ["null"]
    if name in ("bool", "string"):
        return [name, value.value()]
    if name in ("int", "uint"):
        return [name, str(value.value())]
    if name == "double":
        return [name, struct.pack(">d", value.value()).hex()]
    if name == "bytes":
        return [name, value.value().hex()]
    if name == "list":
        return ["list", *map(seen, value.value())]
    if name == "map":
        entries, keys = value.value(), keys_shown(repr(value))
        # Python has one key where CEL has several: true and 1, 1 and 1u.
        if len(keys) != len(entries) or not all(map(fits, keys, entries)):
            return ["unseen", repr(value)]
        return ["map", *([key, seen(item)] for key, item in zip(keys, entries.values()))]
    return [name, repr(value)]


def outcome(expression, activation):
    try:
        value = expression.eval(activation)
    except RuntimeError as error:
        return {"error": str(error)}
    is_error = value.type() == cel.Type.ERROR
    try:
        shown = repr(value)
    except UnicodeDecodeError:
        shown = "a text that is none"
    if is_error:
        # So optionals are called, too.
        if shown.startswith("optional."):
            return {"value": ["unseen", shown]}
        return {"error": shown}
    try:
        return {"value": seen(value)}
    except (TypeError, UnicodeDecodeError):
        # An optional inside; a text that is none.
        return {"value": ["unseen", shown]}


def answer(environment, activation, text):
    answers = {}
    for name, unchecked in (("checked", False), ("dynamic", True)):
        try:
            expression = environment.compile(text, disable_check=unchecked)
        except RuntimeError as error:
            answers[name] = {"refused": str(error)}
            continue
        answers[name] = outcome(expression, activation)
        try:
            answers[name]["type"] = str(expression.return_type())
        except RuntimeError:
            # The checker allows maps whose keys are of types that the package cannot name.
            answers[name]["type"] = ""
    return answers


def main():
    declared = json.loads(sys.stdin.readline())
    variables = {name: cel.Type(text) for name, text in declared["variables"].items()}
    environment = cel.NewEnv(config=cel.NewEnvConfigFromYaml(ENVIRONMENT), variables=variables)
    sets = [{name: bound(value) for name, value in of.items()} for of in declared["bindings"]]
    activations = [environment.Activation(of) for of in sets]
    for line in sys.stdin:
        answers = [answer(environment, activations[of], text) for of, text in json.loads(line)]
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()


main()
