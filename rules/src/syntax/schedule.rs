//! `active:`, and the sections `calendars` and `regions` that it refers to.
//!
//! In: their nodes. Out: [`ActiveDecl`], [`CalendarDecl`], [`RegionsDecl`], with readings of a wall clock in minutes. Names of zones
//! and calendars are still text.

use super::reader::{Fields, Reader};
use super::week::week_spans;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};
use crate::zones::YEARS;

/// Most spans of days of one calendar.
const MAX_CALENDAR_DAYS: usize = 1_000;

/// Most calendars of one `except`.
const MAX_EXCEPT: usize = 16;

/// Most spans of one `weekly`, after those that name several days were taken apart.
const MAX_WEEKLY: usize = 64;

/// Minutes of a day.
pub(super) const DAY_MIN: i64 = 1_440;

/// `active:`
#[derive(Clone, PartialEq, Debug)]
pub struct ActiveDecl {
    /// The whole clause.
    pub span: Span,
    /// Whose clock.
    pub zone: Spanned<ZoneDecl>,
    /// From when on, in minutes of the clock since its 1970-01-01 00:00.
    pub from_min: Option<Spanned<i64>>,
    /// Until when; the minute itself is no part of it.
    pub until_min: Option<Spanned<i64>>,
    /// Pieces of a week, in minutes since Monday 00:00, rising and apart; empty: always.
    pub weekly: Vec<(u16, u16)>,
    /// Names of calendars.
    pub except: Vec<Spanned<String>>,
}

/// `tz:`
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ZoneDecl {
    /// A name of the IANA database.
    Named(String),
    /// `region.tz`: that of the token's region.
    Region,
}

/// A calendar: days, first and last of each span, counted from 1970-01-01.
#[derive(Clone, PartialEq, Debug)]
pub struct CalendarDecl {
    /// E.g. `eu_blackout`.
    pub name: Spanned<String>,
    /// In the order written.
    pub days: Vec<(i32, i32)>,
}

/// `regions:`
#[derive(Clone, PartialEq, Debug)]
pub struct RegionsDecl {
    /// The whole section.
    pub span: Span,
    /// A region as tokens name it, and its time zone.
    pub zones: Vec<(Spanned<String>, Spanned<String>)>,
    /// The time zone of all others.
    pub others: Spanned<String>,
}

impl Reader<'_> {
    pub(super) fn active(&mut self, node: &Node) -> Option<ActiveDecl> {
        let mut fields = self.fields(node, "`active`")?;
        let zone = fields.need(self, "tz").and_then(|n| self.tz(n));
        let from = self.optional(&mut fields, "from", |reader, n| reader.clock(n, "`from`", false));
        let until = self.optional(&mut fields, "until", |reader, n| reader.clock(n, "`until`", true));
        let weekly = self.optional(&mut fields, "weekly", Reader::weekly);
        let except = self.optional(&mut fields, "except", Reader::except);
        fields.finish(self);
        let (from_min, until_min) = (from?, until?);
        if let (Some(from), Some(until)) = (&from_min, &until_min)
            && from.value >= until.value
        {
            let d = Diagnostic::new(Code::EmptySchedule, until.span, "`active` ends before it begins");
            self.push(d.also(from.span, "it begins here").help("exchange the two, or correct the year"));
            return None;
        }
        let (weekly, except) = (weekly?.unwrap_or_default(), except?.unwrap_or_default());
        Some(ActiveDecl { span: node.span, zone: zone?, from_min, until_min, weekly, except })
    }

    /// A name of the IANA database, or `region.tz`.
    pub(super) fn tz(&mut self, node: &Node) -> Option<Spanned<ZoneDecl>> {
        let zone = self.text(node, "`tz`")?;
        let named = if zone.value == "region.tz" { ZoneDecl::Region } else { ZoneDecl::Named(zone.value) };
        Some(Spanned::new(named, zone.span))
    }

    /// `None` where it was written and cannot be read.
    pub(super) fn optional<T>(
        &mut self,
        fields: &mut Fields<'_>,
        key: &'static str,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<Option<T>> {
        match fields.get(key) {
            Some(node) => read(self, node).map(Some),
            None => Some(None),
        }
    }

    /// `2026-12-01` or `2026-12-01 18:00`. A day as an end belongs to what it ends.
    fn clock(&mut self, node: &Node, what: &str, is_end: bool) -> Option<Spanned<i64>> {
        let text = self.text(node, what)?;
        let (date, time) = text.value.split_once([' ', 'T']).map_or((&*text.value, None), |(d, t)| (d, Some(t.trim())));
        let minutes = match (day_of(date), time) {
            (Some(day), None) => Some((i64::from(day) + i64::from(is_end)) * DAY_MIN),
            (Some(day), Some(time)) => time_of(time).map(|minute| i64::from(day) * DAY_MIN + minute),
            (None, _) => None,
        };
        if minutes.is_none() {
            let words = format!("{what} cannot be `{}`", text.value);
            let (first, last) = (YEARS.start, YEARS.end - 1);
            let help = format!("write a day `2026-12-01` or a time `2026-12-01 18:00`, of the years {first} to {last}");
            self.push(Diagnostic::new(Code::BadValue, node.span, words).help(help));
        }
        Some(Spanned::new(minutes?, node.span))
    }

    fn weekly(&mut self, node: &Node) -> Option<Vec<(u16, u16)>> {
        let items = match &node.kind {
            Kind::List(items) => &items[..],
            _ => std::slice::from_ref(node),
        };
        let (mut spans, mut sound) = (Vec::new(), true);
        for item in items {
            let Some(text) = self.text(item, "a span of `weekly`") else {
                sound = false;
                continue;
            };
            match week_spans(&text.value) {
                Some(found) => spans.extend(found),
                None => {
                    let words = format!("a span of `weekly` cannot be `{}`", text.value);
                    let help = "write `Fri 18:00 - Sun 23:59`, `Sat 10:00 - 12:00`, `Mon - Fri 18:00 - 22:00`, `18:00 - 22:00` \
                        for every day, or `Sat - Sun` for whole days; days are `Mon` to `Sun`";
                    self.push(Diagnostic::new(Code::BadValue, item.span, words).help(help));
                    sound = false;
                }
            }
        }
        let spans = joined(spans);
        if spans.len() > MAX_WEEKLY {
            let words = format!("`weekly` has {} spans in a week; limit {MAX_WEEKLY}", spans.len());
            self.push(Diagnostic::new(Code::TooLarge, node.span, words).help("join some of them"));
            return None;
        }
        sound.then_some(spans)
    }

    /// `calendar.NAME`, or a list of them.
    fn except(&mut self, node: &Node) -> Option<Vec<Spanned<String>>> {
        let items = match &node.kind {
            Kind::List(items) => &items[..],
            _ => std::slice::from_ref(node),
        };
        if items.len() > MAX_EXCEPT {
            let words = format!("`except` has {} calendars; limit {MAX_EXCEPT}", items.len());
            self.push(Diagnostic::new(Code::TooLarge, node.span, words).help("put the days into one calendar"));
            return None;
        }
        let calendar = |item: &Node| {
            let text = self.text(item, "`except`")?;
            match text.value.strip_prefix("calendar.") {
                Some(name) => Some(Spanned::new(name.to_owned(), text.span)),
                None => {
                    let words = format!("`except` cannot be `{}`", text.value);
                    let d = Diagnostic::new(Code::BadValue, item.span, words);
                    self.push(d.help("write `calendar.NAME`, with a name that `calendars:` declares"));
                    None
                }
            }
        };
        items.iter().map(calendar).collect()
    }

    pub(super) fn calendars(&mut self, node: &Node) -> Vec<CalendarDecl> {
        let Some(mut fields) = self.fields(node, "`calendars`") else { return Vec::new() };
        let mut calendars = Vec::new();
        for (name, value) in fields.rest() {
            let Some(name) = self.checked_name(name, "the name of a calendar", false) else { continue };
            let items = self.items(value, "a calendar");
            if items.len() > MAX_CALENDAR_DAYS {
                let words = format!("calendar `{}` has {} items; limit {MAX_CALENDAR_DAYS}", name.value, items.len());
                self.push(Diagnostic::new(Code::TooLarge, name.span, words).help("write days on end as one range"));
                continue;
            }
            let days = items.iter().filter_map(|item| self.days(item)).collect();
            calendars.push(CalendarDecl { name, days });
        }
        calendars
    }

    /// `2026-12-24` or `2026-12-24..2026-12-26`.
    fn days(&mut self, node: &Node) -> Option<(i32, i32)> {
        let text = self.text(node, "a day of a calendar")?;
        let (first, last) = text.value.split_once("..").unwrap_or((&text.value, &text.value));
        let days = day_of(first.trim()).zip(day_of(last.trim())).filter(|(first, last)| first <= last);
        if days.is_none() {
            let words = format!("a calendar cannot have `{}`", text.value);
            let help = "write a day `2026-12-24`, or days on end `2026-12-24..2026-12-26`; both ends belong to them";
            self.push(Diagnostic::new(Code::BadValue, node.span, words).help(help));
        }
        days
    }

    pub(super) fn regions(&mut self, node: &Node) -> Option<RegionsDecl> {
        let mut fields = self.fields(node, "`regions`")?;
        let others = fields.need(self, "others").and_then(|n| self.text(n, "a time zone"));
        let rest = fields.rest();
        let zones = rest.into_iter().filter_map(|(region, value)| Some((region, self.text(value, "a time zone")?)));
        let zones = zones.collect();
        Some(RegionsDecl { span: node.span, zones, others: others? })
    }
}

/// The number of a day since 1970-01-01: `2026-12-01`.
fn day_of(text: &str) -> Option<i32> {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return None };
    let number = |part: &str, digits: usize| {
        let sound = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        sound.then(|| part.parse::<i16>().ok()).flatten()
    };
    let year = number(year, 4).filter(|year| YEARS.contains(year))?;
    let date = jiff::civil::Date::new(year, number(month, 2)? as i8, number(day, 2)? as i8).ok()?;
    Some(date.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days())
}

/// Minutes since midnight: `18:00`.
pub(super) fn time_of(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let number = |part: &str| {
        let sound = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        sound.then(|| part.parse::<i64>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// Rising, with those joined that touch.
fn joined(mut spans: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    spans.sort_unstable();
    let mut out: Vec<(u16, u16)> = Vec::new();
    for (from, until) in spans {
        match out.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => out.push((from, until)),
        }
    }
    out
}
