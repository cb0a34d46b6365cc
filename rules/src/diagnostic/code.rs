//! The table of codes: what can be wrong, and the long text of `edgectl rules explain CODE`.
//!
//! A code never changes its meaning and is never used again. `R00` is about text, `R01` about the shape of a file, `R02` about
//! expressions, `R03` about state, `R04` about actions, `R05` about cost, `R06` about parameters and sets, `R07` about what
//! this version lacks, `R08` about tests.

use super::Severity;

macro_rules! codes {
    ($($name:ident = $code:literal, $severity:ident, $title:literal, $long:literal;)*) => {
        /// What is wrong.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// What the table says about it.
            pub const fn info(self) -> CodeInfo {
                match self {
                    $(Code::$name => CodeInfo {
                        code: $code,
                        severity: Severity::$severity,
                        title: $title,
                        long: $long,
                    },)*
                }
            }
        }
    };
}

/// A line of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodeInfo {
    /// E.g. `R0204`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// A few words.
    pub title: &'static str,
    /// Why it is refused, and what to do, in several sentences.
    pub long: &'static str,
}

impl Code {
    /// E.g. `R0204`.
    pub const fn as_str(self) -> &'static str {
        self.info().code
    }

    /// The inverse of [`Code::as_str`], in any case.
    pub fn parse(text: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text))
    }

    /// What `edgectl rules explain` prints.
    pub fn explain(self) -> String {
        let info = self.info();
        let word = match info.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        format!("{} ({word}): {}\n\n{}\n", info.code, info.title, info.long)
    }
}

codes! {
    Syntax = "R0001", Error, "not valid YAML",
        "The file cannot be read as YAML. What comes before the place is still checked, what comes after is not. The usual \
        causes: a quote or bracket that is not closed, a tab in the indentation, a value with `: ` or ` #` in it that has no \
        quotes around it, or a value that begins with `'`, `\"`, `[`, `{`, `&`, `*`, `!`, `%`, `@` or a back-tick. Put quotes \
        around the whole value: `when: \"event.name == 'a: b'\"`.";
    TooLarge = "R0002", Error, "larger than a stated limit",
        "A file has at most 1 MiB, 10,000 rules and 10,000 tests, and nests at most 32 levels deep; a rule has at most 16 \
        actions and 32 names in `let`; a body has at most 256 values. The limits keep every file quick to check and every rule \
        cheap to run. Split files; rules of one package may stand in any number of files.";
    RefusedYaml = "R0003", Error, "a feature of YAML that rule files do not have",
        "Anchors (`&name`), aliases (`*name`), tags (`!name`) and merge keys (`<<`) make a file mean something else than what \
        one line says, so rule files do not have them. Write the value out; what many rules share can be a set or a parameter.";
    DuplicateKey = "R0004", Error, "a key occurs twice in one map",
        "YAML leaves open which of the two counts, and readers of the file would be misled. Remove one of them.";
    BadKey = "R0005", Error, "a key is a list or a map",
        "Keys are single words. A `?` at the beginning of a line, or a `[` or `{` before a `:`, makes a list or map the key.";
    SeveralDocuments = "R0006", Error, "several documents in one file",
        "A line `---` begins a second YAML document. A rule file is one document: what comes after the line would be easy to \
        overlook. Put it into a file of its own.";
    NotText = "R0007", Error, "not UTF-8 text",
        "Rule files are UTF-8 text. Save the file as UTF-8 without any other encoding.";

    UnknownKey = "R0101", Error, "a key that does not exist here",
        "A misspelled key would switch something off in silence, so unknown keys are errors. The help line lists the keys that \
        this place can have.";
    MissingKey = "R0102", Error, "a key that must be there",
        "Something cannot be understood without this key. The help line shows its shape.";
    WrongShape = "R0103", Error, "a list, a map or a single value where another belongs",
        "Look at the indentation and at the brackets: `[a, b]` is a list, `{ a: 1 }` is a map, anything else a single value.";
    BadValue = "R0104", Error, "a value of the wrong kind",
        "Each value is read by what belongs at its place: switches are `true` and `false`, durations have units (`90s`, `5m`, \
        `1h30m`, `7d`), numbers have limits. The help line shows what can be written.";
    BadName = "R0105", Error, "not a name",
        "Names begin with a letter and go on with letters, digits, `_` and `-`; where parts are joined, `.` stands between \
        them. Names of `let` are used in expressions and have no `-`.";
    NoHeader = "R0106", Error, "no header, or one of another version",
        "A rule file begins with `rules/v1: { package: …, catalogue: …, owner: … }`, a file of parameters with \
        `params/v1: { package: … }`, a region's overlay with `overlay/v1: { of: …, region: …, owner: … }`. The version says which language the rest is written in.";
    WrongFile = "R0107", Error, "something that belongs into another file",
        "A file of parameters has `params/v1` and `params` only, so that a region can be given that file and nothing else.";
    DuplicateRule = "R0108", Error, "two rules of one package have the same id",
        "A rule's id is part of every command id and of the names of its state, so it must be unique in its package, across all \
        files of the package.";
    DuplicateName = "R0109", Error, "something is declared twice in one package",
        "Sets, parameters and tests have names that are unique in their package, across all files of the package.";
    WrongCatalogue = "R0110", Error, "the file is for another catalogue",
        "`catalogue:` in the header names the catalogue of events that the rules are written for. The compiler was given \
        another one. Correct the header, or point `--catalogue` at the right directory.";
    NoParamsFile = "R0111", Error, "the file of parameters is not there",
        "`params:` in the header names a file, relative to the rule file. It was not among the files that were read, or it \
        has no header `params/v1`, or it is for another package.";

    BadExpression = "R0201", Error, "not a CEL expression",
        "The text does not follow the grammar of CEL. Comparison is `==`, not `=`; and is `&&`, or is `||`, not is `!`; text \
        stands in single or double quotes; a list of alternatives is `x in ['a', 'b']`.";
    BadLiteral = "R0202", Error, "a number or text that CEL cannot read",
        "Whole numbers fit into 64 bits, text ends with the quote it began with, and a backslash in text begins an escape: \
        write `\\\\` for a backslash, or put `r` before the quote.";
    UnknownName = "R0203", Error, "a name that means nothing here",
        "Expressions know `event.*` (the event's fields), `player.id`, `conn.platform`, `conn.locale`, `conn.build`, \
        `conn.region`, `conn.attributes`, `token.sub`, `token.region`, `token.segments`, `params.*`, the file's sets, and the \
        names of the rule's own `let`. A bare word is a name; constant text needs quotes, inside the quotes that YAML may need: \
        `kind: \"'retry'\"`.";
    UnknownField = "R0204", Error, "no such field on this event",
        "The catalogue says which fields an event has. The note shows where the nearest field is declared.";
    NoOverload = "R0205", Error, "an operator or function that does not take these types",
        "CEL never converts in silence: `1 + 'a'` and `event.level == '3'` are mistakes. Convert with `int(…)`, `double(…)`, \
        `string(…)`, or compare with a constant of the field's own type.";
    WrongType = "R0206", Error, "a value of another type is needed here",
        "`when` and `where` are true or false; a workflow's id is text; the parts of a key are text, whole numbers, booleans, \
        moments or durations. Compare or convert the value.";
    UnknownFunction = "R0207", Error, "a function that does not exist",
        "The reference lists all functions. Some are written before the dot (`event.name.startsWith('x')`), some around the \
        value (`size(event.types)`).";
    NotSelectable = "R0208", Error, "a field or index of something that has none",
        "Only messages and maps have fields, only lists and maps have indices. To ask something of each element of a list use \
        `list.exists(x, …)` or `list.all(x, …)`.";
    BadMacro = "R0209", Error, "a macro used in a way it cannot be",
        "`has(…)` takes a field, and `all`, `exists`, `exists_one`, `filter` and `map` take a plain name first: \
        `event.types.exists(t, t == 'Zealot')`.";
    TooComplex = "R0210", Error, "an expression that is too long or nested too deep",
        "An expression has at most 8 KiB, 64 levels of brackets, 4 macros within each other and 4,096 operations. Put long lists into a set: \
        `event.zone in zones.hard`.";
    NotEvaluated = "R0211", Error, "CEL that the evaluator does not run",
        "The expression is right as CEL, and this version's evaluator has no instruction for a part of it: types known only at \
        run time (`dyn`), types as values (`type(x)`), optionals (`?.`), new messages, loops with two variables, time zones in \
        time functions, and a few rare functions.";
    BadPattern = "R0212", Error, "a pattern that cannot be used",
        "The argument of `matches` must be a constant regular expression in RE2's syntax: no look-around, no back-references. \
        It is compiled with the rule, so that matching takes time linear in the text.";
    UnknownEventType = "R0213", Error, "no such event type in the catalogue",
        "`on:` and `count:` name an event type of the catalogue.";
    Deprecated = "R0214", Warning, "a deprecated event type or field",
        "The catalogue's owner asks that new rules no longer use it. The catalogue's comment says what to use instead.";
    NeverTrue = "R0215", Warning, "a comparison that no admitted event can meet",
        "The catalogue limits the field's value, and events outside the limit are refused before any rule sees them. The \
        comparison is always false (or always true); most often a digit or the direction is wrong.";
    ConstantCondition = "R0216", Warning, "a condition that does not depend on anything",
        "The condition is the same for every event. Leave `when` out for a rule that always fires, use `enabled: false` for \
        one that never does.";
    BadConstant = "R0217", Error, "a constant operation without a value",
        "The operands are known now, and the operation has no value for them: a malformed date or duration, a division by zero, \
        a number that does not fit into 64 bits.";

    ReservedName = "R0301", Error, "a name of `let` that already means something",
        "`event`, `player`, `conn`, `token`, `params`, `sets`, `trigger`, `region` and `variation` have their meaning in expressions.";
    WindowLength = "R0302", Error, "a window that is too short or too long",
        "A window is at least one second and at most 31 days long. Longer memory is what `once` and `cooldown` are for.";
    KeyWithoutPlayer = "R0303", Error, "a key without the player",
        "A player's state lives on the shard that owns the player, so a key must contain `player`: `by: player`, or \
        `by: [player, event.mode]`. Players can share nothing but a `rate_limit`.";
    BadKeyPart = "R0304", Error, "something that cannot be part of a key",
        "The parts of `by` are `player` and expressions over `event.*` and `conn.*` that give text, whole numbers, booleans, \
        moments or durations. In a count they are read from the counted event and from the triggering one, so both must have them.";
    TriggerOutsideEquality = "R0305", Error, "`trigger` used beyond an equality",
        "In a count's `where`, `trigger` is the event that asks, and is unknown when the counted event arrives. So it can only \
        be compared for equality, joined by `&&`: `event.zone == trigger.zone && event.level > 5`. The equality becomes part of \
        the key under which the count is kept.";
    UnusedLet = "R0306", Warning, "a count that nothing reads",
        "Every count costs memory and time for each event that feeds it. Remove it, or use its name in `when` or in a body.";
    OnceMustDeny = "R0307", Error, "`once` that forgets",
        "A `once` gate that dropped its oldest keys would let them through again. It refuses new keys at `max_keys` instead.";
    ApproximateEquality = "R0308", Warning, "an approximate count compared for equality",
        "A count that is compared with constants up to 64 is exact. Above, or when compared with something else, it is kept in \
        16 parts of the window: it never counts too few, but may count events too many for up to a sixteenth of the window. An equality \
        may then be skipped over; write `>=` and a `cooldown`. Sums and means over a sliding window are kept so, too.";
    TwoGathered = "R0309", Error, "a clause of `let` that gathers two things",
        "Each name of `let` has one of `count`, `sum`, `min`, `max`, `avg`, `distinct`, `first_seen` and `last`. Give each a name of \
        its own; they may look at the same events.";
    BadGatheredValue = "R0310", Error, "a value that cannot be gathered so",
        "`sum` and `avg` take numbers and durations; `min` and `max` take moments, too; `distinct` takes what can be part of a key; \
        `last` takes any single value. Convert with `int(…)` or `double(…)`, or count the events with `count` and `where`.";
    EmptyWindow = "R0311", Error, "a value that may not be there",
        "A window without events has no smallest or largest value, no mean, no first and no last event. So an expression that reads one must ask first, \
        `has(best) && best > 100`, or the clause must say what an empty window reads as: `default: 0`. What `when` asks holds for \
        the commands, too. No question is needed where the triggering event itself is gathered, without `where`: then there is \
        always one.";
    TwoWindows = "R0312", Error, "a clause of `let` with two windows",
        "Events count in one window: the last while (`within`), a session (`session`), or a piece of the calendar (`tumbling`). Give each \
        a name of its own.";
    LongLast = "R0313", Error, "a `last` that may be too long",
        "Every key has room for the longest text that may come, at most 256 bytes. The catalogue's `max_len` bounds a field; cut \
        what is longer with `substring`.";
    LastIsTrigger = "R0314", Warning, "a `last` that always reads the triggering event",
        "A rule sees its windows with the triggering event in them. So the last event of the triggering type is the triggering \
        event, and `event.…` reads the same without keeping anything. With a `where` that leaves it out, `last` reads an older one.";

    EmptySchedule = "R0320", Error, "a schedule that never begins",
        "`from` is the first day or time at which the rule is active, `until` the day after whose end, or the time at which, it no \
        longer is. The latter must come after the former.";
    UnknownZone = "R0321", Error, "no such time zone",
        "Time zones have the names of the IANA database, spelled exactly: `Europe/Berlin`, `America/Sao_Paulo`, `UTC`. Short names \
        such as `CET` or `PST` mean different things in different places. The database comes with the compiler, and the tables of \
        the zones that are used travel with the rules.";
    UnknownCalendar = "R0322", Error, "a calendar that is not declared",
        "`except: calendar.NAME` names one of the package's `calendars:`, which are lists of days: \
        `calendars: { eu_blackout: [2026-12-24..2026-12-26, 2027-01-01] }`.";
    NoRegions = "R0323", Error, "no table of the regions' time zones",
        "`tz: region.tz` goes by the clock of the region that the player's token names. A file of the package says which zone that is: \
        `regions: { others: UTC, eu: Europe/Berlin, br: America/Sao_Paulo }`; `others` is for every region that is not named.";
    BadSplit = "R0324", Error, "a split that does not divide all players",
        "The parts of `split` are percentages that are 100 % together, and `params` and `hold_back` beside it name its parts. Who should \
        see nothing at all is a part, too: `split: { a: 45%, b: 45%, control: 10% }, hold_back: [control]`.";
    VariationTooLate = "R0325", Error, "a parameter that is read before its variation is chosen",
        "A variation is chosen after the rule's condition holds, so it can change what the actions read and nothing before. A condition \
        that differs between players is a rule of its own, with a `rollout`.";
    VariationUnread = "R0326", Warning, "a parameter of a variation that no action reads",
        "The variation gives a parameter another value, and nothing that comes after looks at it. Most often a name is misspelled.";
    SharedLimit = "R0327", Error, "a limit that players share, and that one could use up",
        "A `rate_limit` whose key lacks the player is shared. It must say how: `scope: shard`, each shard of a node counts for itself, or \
        `scope: region`, each shard has an equal part of the limit. Both are approximate: players are not spread evenly, and each node \
        of a region counts for itself. And it must say with `per_player` what one player may take of it in the same time, or one \
        cheat uses up everybody's. A key with the player needs neither.";
    ExactShared = "R0328", Error, "an exact limit on what is shared",
        "What players share is counted by each shard for itself, in memory. `once` and `cooldown` let exactly one through, a limit of \
        less than ten of a region could not be divided, and what is durable is kept by player. Use a `rate_limit` that may be \
        approximate, or a key with the player.";
    LonelyGroup = "R0329", Warning, "a group with nothing to choose between",
        "Of the rules of a group at most one fires for one event. This rule is alone in its group among the rules on its event type.";

    UnknownDependency = "R0340", Error, "a dependency on something that does not exist",
        "`depends_on` names rules of the package (`rule`), of another one (`package/rule`), or workflows that some rule starts \
        (`workflow.Type`). Nothing of it changes what happens; it is checked so that nobody removes what others need.";
    DependencyCircle = "R0341", Error, "rules and workflows that depend on each other in a circle",
        "A rule depends on what its `depends_on` names, a workflow on the rules that start it. In a circle none of them could be the \
        first to be put to service or the last to be taken out of it.";
    DependencyDisabled = "R0342", Warning, "a dependency that is not enabled",
        "The rule cannot do without another one, and that one is switched off.";

    NoAction = "R0401", Error, "an action that does nothing",
        "Each item of `do` has exactly one of `start_workflow`, `signal_workflow`, `cancel_workflow`, `publish` and `reply`.";
    TwoVerbs = "R0402", Error, "an action that does two things",
        "Make them two items of `do`; they are ordered in the order written.";
    ReplyIsVolatile = "R0403", Error, "a reply with what only stored commands have",
        "A reply goes to the client at once and is not stored, so it has no priority, no deadline and cannot grant anything. \
        Use `publish` or a workflow for what must arrive.";
    IdWithoutPlayer = "R0404", Error, "a workflow id that a client can shape and that lacks the player",
        "What a client sends is forgeable. If it can shape a workflow's id alone, one player can start, signal or cancel \
        another's workflow. Put the player in front, with a separator: `\"'cart-' + player.id + '-' + event.cart_id\"`.";
    GrantingTaint = "R0405", Error, "a granting command that depends on a client's word",
        "A command with `granting: true` gives something of value, so all that decides it, and all it carries, must come from a \
        game server or from the verified token: not from events that clients may send, and not from `conn.platform`, \
        `conn.locale`, `conn.build` or `conn.attributes`. Let a server event trigger the rule, or leave the forgeable part out.";
    BadBodyValue = "R0406", Error, "a value that a body cannot carry",
        "Bodies are JSON: text, numbers, booleans, null, lists, maps with text keys, moments (RFC 3339), durations and bytes \
        (base64). Whole messages are not; name the fields that are needed.";

    TooCostly = "R0501", Error, "a rule that may take too long",
        "From the catalogue's limits the compiler bounds what a rule may cost for one event. Above the limit one event could \
        delay those of other players. The label shows the most costly part; bound the list in the catalogue, or ask less of it.";
    TypeTooCostly = "R0502", Error, "the rules of one event type together may take too long",
        "Every rule of an event type may run for each of its events. Make the most costly ones cheaper, or disable some.";
    EngineRefuses = "R0503", Error, "the engine refuses what was compiled",
        "The compiler checks every limit of the engine that it knows of; this one it did not know. The message names the rule and the \
        limit. Nothing was built.";

    ParamOutOfRange = "R0601", Error, "a parameter outside its range",
        "The range is what the rule's author allows; the default and every value given must lie in it.";
    MixedSet = "R0602", Error, "a set with members of different types",
        "All members of a set have one type. Quotes make a member text: `['1', '2']`.";
    UnknownParam = "R0603", Error, "a parameter that is not declared",
        "`given.params` of a test names parameters that the package declares, with values of their type.";
    Unused = "R0604", Warning, "a set or parameter that no rule reads",
        "It is declared and nothing depends on it; most often a name is misspelled where it was meant to be read. Remove it, or use it.";

    OverlayForbidden = "R0610", Error, "something that a region cannot change",
        "A region's overlay tunes the rules of a package and does not rewrite them: it may change parameters that are declared \
        `tunable`, `active`, `rollout`, `enabled`, and the numbers of `cooldown` and `rate_limit`. What a rule looks at, when it fires, what it \
        orders and whom it is kept for is its owner's.";
    OverlayTarget = "R0611", Error, "an overlay over something that is not there",
        "`of` names a package whose rule files are given along, the keys of `rules` name its rules, and a region can change the numbers \
        of a `cooldown` or `rate_limit` only where the rule has one.";
    NotTunable = "R0612", Error, "a parameter that a region cannot change",
        "A package's author marks with `tunable: true` what regions may change, and says with `range` how far. The note shows the \
        declaration.";

    NotAvailable = "R0701", Error, "a part of the language that this version does not have",
        "The full language has more than this version runs: other aggregates and windows, and sequences. Nothing of it is ignored in silence. The reference says what exists now.";

    UnknownRule = "R0801", Error, "a test names a rule that does not exist",
        "`rule:` and `fires:` of a test name rules of the file's own package.";
    BadTestEvent = "R0802", Error, "an event of a test that the catalogue refuses",
        "The fields of a test's event are read as JSON of the event type, and the event must pass the same admission as one from \
        a client: limits, ranges and required subjects included.";
    TestOrder = "R0803", Error, "events of a test out of order",
        "Time runs forward in a test. `at:` is when an event happened, `arrives:` when it came in; the latter must not fall.";
    EmptyExpectation = "R0804", Error, "an expectation that expects nothing, or two things at once",
        "`expect` has `fires: [rule, …]` or `none: reason` or `none: any`, and may have `commands: […]`.";
    BadGiven = "R0805", Error, "something given to a test that does not exist",
        "`given.conn` can have `player_id`, `platform`, `locale`, `build`, `region`, `segments` and `attributes`.";
    TestFailed = "R0810", Error, "a test saw something else than it expects",
        "The notes show what happened instead, and for each rule that was expected to fire the values that decided.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_sorted_and_found() {
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
        for code in Code::ALL {
            assert_eq!(Code::parse(&code.as_str().to_lowercase()), Some(*code));
            assert!(code.explain().contains(code.info().title));
        }
        assert_eq!(Code::parse("R9999"), None);
    }
}
