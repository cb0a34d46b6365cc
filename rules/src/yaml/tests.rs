use expect_test::{Expect, expect};

use super::*;
use crate::diagnostic::Report;
use crate::source::{FileId, SourceFile, Sources};

fn show(node: &Node, file: &SourceFile, out: &mut String, depth: usize) {
    use std::fmt::Write as _;
    let pad = "  ".repeat(depth);
    let cut = if node.cut_off { " (cut off)" } else { "" };
    let text = file.text[node.span.range()].escape_debug().to_string();
    match &node.kind {
        Kind::Scalar(s) => writeln!(out, "{pad}{:?} <{text}>{cut}", s.text).unwrap(),
        Kind::List(items) => {
            writeln!(out, "{pad}list <{text}>{cut}").unwrap();
            items.iter().for_each(|item| show(item, file, out, depth + 1));
        }
        Kind::Map(entries) => {
            writeln!(out, "{pad}map <{text}>{cut}").unwrap();
            for e in entries {
                writeln!(out, "{pad}  {} <{}>:", e.key, &file.text[e.key_span.range()]).unwrap();
                show(&e.value, file, out, depth + 2);
            }
        }
    }
}

fn check(text: &str, expect: Expect) {
    let mut sources = Sources::default();
    let id = sources.add(SourceFile::new("f", text));
    let mut report = Report::default();
    let tree = read(id, sources.file(id), &mut report);
    let mut out = String::new();
    if let Some(tree) = tree {
        show(&tree, sources.file(id), &mut out, 0);
    }
    out.push_str(&report.to_text(&sources, false));
    expect.assert_eq(&out);
}

#[test]
fn scalars_stay_text_and_know_their_place() {
    check(
        "a: no   # c\nb: { 24h, by: 'it''s' }\nc:\n  - \"x\\ty\"\n  - ö: 1\n    e:\nd: |\n  one\n  two\n",
        expect![[r#"
            map <a: no   # c\nb: { 24h, by: \'it\'\'s\' }\nc:\n  - \"x\\ty\"\n  - ö: 1\n    e:\nd: |\n  one\n  two>
              a <a>:
                "no" <no>
              b <b>:
                map <{ 24h, by: \'it\'\'s\' }>
                  24h <24h>:
                    "" <>
                  by <by>:
                    "it's" <\'it\'\'s\'>
              c <c>:
                list <- \"x\\ty\"\n  - ö: 1\n    e>
                  "x\ty" <\"x\\ty\">
                  map <ö: 1\n    e>
                    ö <ö>:
                      "1" <1>
                    e <e>:
                      "" <>
              d <d>:
                "one\ntwo\n" <one\n  two>
        "#]],
    );
}

#[test]
fn what_strict_yaml_refuses() {
    check(
        "a: &x 1\nb: *x\nc: !t 2\n<<: {d: 1}\na: 3\n[1]: 2\n---\nx: 1\n",
        expect![[r#"
        map <a: &x 1\nb: *x\nc: !t 2>
          a <a>:
            "1" <&x 1>
          b <b>:
            "" <*x> (cut off)
          c <c>:
            "2" <!t 2>
        error[R0003]: an anchor (`&name`) is not allowed in rule files
         --> f:1:4
          |
        1 | a: &x 1
          |    ^^^^
          = help: write the value out; a text that begins with this character needs quotes

        error[R0003]: an alias (`*name`) is not allowed in rule files
         --> f:2:4
          |
        2 | b: *x
          |    ^^
          = help: write the value out; a text that begins with this character needs quotes

        error[R0003]: a tag (`!name`) is not allowed in rule files
         --> f:3:4
          |
        3 | c: !t 2
          |    ^^^^
          = help: write the value out; a text that begins with this character needs quotes

        error[R0003]: a merge key (`<<`) is not allowed in rule files
         --> f:4:1
          |
        4 | <<: {d: 1}
          | ^^
          = help: write the keys out

        error[R0004]: key `a` occurs twice
         --> f:5:1
          |
        5 | a: 3
          | ^
         --> f:1:1
          |
        1 | a: &x 1
          | ^ first here; this one counts
          = help: remove one of them

        error[R0005]: a key must be a single value, not a list
         --> f:6:1
          |
        6 | [1]: 2
          | ^^^
          = help: a `?`, `[` or `{` before a `:` makes such a key

        error[R0006]: a second document begins here
         --> f:7:1
          |
        7 | ---
          | ^^^
          = help: put it into a file of its own

        7 errors
    "#]],
    );
}

#[test]
fn a_syntax_error_keeps_what_came_before() {
    check(
        "a: 1\nrules:\n  - id: x\n    on: Y\n  - id: z\n    when: 'abc\n",
        expect![[r#"
        map <a: 1\nrules:\n  - id: x\n    on: Y\n  - id: z\n    when> (cut off)
          a <a>:
            "1" <1>
          rules <rules>:
            list <- id: x\n    on: Y\n  - id: z\n    when> (cut off)
              map <id: x\n    on: Y>
                id <id>:
                  "x" <x>
                on <on>:
                  "Y" <Y>
              map <id: z\n    when> (cut off)
                id <id>:
                  "z" <z>
                when <when>:
                  "" <when> (cut off)
        error[R0001]: not valid YAML: while scanning a quoted scalar, found unexpected end of stream
         --> f:6:11
          |
        6 |     when: 'abc
          |           ^
          = help: look for a missing quote, bracket or blank here or in the line above; an expression with `: ` or ` #` in it, or with a quote at its beginning, needs quotes around the whole

        1 error
    "#]],
    );
    check(
        "a: 1\nb:\n\t- x\n",
        expect![[r#"
        map <a: 1\nb> (cut off)
          a <a>:
            "1" <1>
          b <b>:
            "" <b> (cut off)
        error[R0001]: not valid YAML: tabs disallowed within this context (block indentation)
         --> f:3:2
          |
        3 |  - x
          |  ^
          = help: indent with blanks, not with tabs

        1 error
    "#]],
    );
    check(
        "a: [1, 2\nb: 3\n",
        expect![[r#"
        map <a: [1> (cut off)
          a <a>:
            list <[1> (cut off)
              "1" <1>
        error[R0001]: not valid YAML: illegal placement of ':' indicator
         --> f:2:2
          |
        2 | b: 3
          |  ^
          = help: look for a missing quote, bracket or blank here or in the line above; an expression with `: ` or ` #` in it, or with a quote at its beginning, needs quotes around the whole

        1 error
    "#]],
    );
}

#[test]
fn depth_is_bounded() {
    let mut report = Report::default();
    for text in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        format!("{}{}", "[".repeat(40), "]".repeat(40)),
        "- ".repeat(50_000),
    ] {
        let file = SourceFile::new("f", text);
        read(FileId(0), &file, &mut report);
    }
    assert!(report.has_errors());
}

fn mapped(written: &str, needle: &str) -> String {
    let text = format!("k: {written}\n");
    let file = SourceFile::new("f", text.clone());
    let mut report = Report::default();
    let tree = read(FileId(0), &file, &mut report).unwrap();
    assert!(!report.has_errors(), "{text}");
    let Kind::Map(entries) = &tree.kind else { panic!("a map") };
    let scalar = entries[0].value.as_scalar().unwrap();
    let span = entries[0].value.span;
    let map = OffsetMap::new(&scalar.text, scalar.style, &text[span.range()], span.start);
    let at = scalar.text.find(needle).unwrap_or_else(|| panic!("{needle} in {}", scalar.text));
    text[map.range(at..at + needle.len())].to_owned()
}

#[test]
fn words_inside_scalars_are_found_in_the_file() {
    assert_eq!(mapped("event.lvl >= 10", "lvl"), "lvl");
    assert_eq!(mapped("a ||\n   event.lvl >= 10", "lvl"), "lvl");
    assert_eq!(mapped("'it''s event.lvl'", "lvl"), "lvl");
    assert_eq!(mapped("'it''s'", "'s"), "''s");
    assert_eq!(mapped(r#""a \"b\" \u00e4 lvl""#, "lvl"), "lvl");
    assert_eq!(mapped("\"a \\\n   b lvl\"", "lvl"), "lvl");
    assert_eq!(mapped("|\n  a &&\n  lvl > 3", "lvl > 3"), "lvl > 3");
    assert_eq!(mapped(">-\n  a &&\n\n  lvl > 3\n    x", "lvl"), "lvl");
    assert_eq!(mapped("'ä ö lvl'", "lvl"), "lvl");
    assert_eq!(mapped("a  b", "a  b"), "a  b");
}

proptest::proptest! {
    #[test]
    fn any_text_gives_a_tree_or_diagnostics(text in "[a-c:\\-\\[\\]{},'\"#&*!|> \n\t\\\\é]{0,80}") {
        let file = SourceFile::new("f", text);
        let mut report = Report::default();
        if let Some(tree) = read(FileId(0), &file, &mut report) {
            check_spans(&tree, &file);
        }
    }
}

fn check_spans(node: &Node, file: &SourceFile) {
    assert!(file.text.get(node.span.range()).is_some(), "a span lies on character boundaries");
    match &node.kind {
        Kind::Scalar(s) => {
            let map = OffsetMap::new(&s.text, s.style, &file.text[node.span.range()], node.span.start);
            for (at, c) in s.text.char_indices() {
                let range = map.range(at..at + c.len_utf8());
                assert!(range.start <= range.end && range.end <= file.text.len());
            }
        }
        Kind::List(items) => items.iter().for_each(|item| check_spans(item, file)),
        Kind::Map(entries) => entries.iter().for_each(|e| check_spans(&e.value, file)),
    }
}
