//! The rule's way from text to machine: compiler, checker, tester.
