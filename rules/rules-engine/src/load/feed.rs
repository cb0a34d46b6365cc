//! Checks feeds: that aggregate, type and window fit together, and that expressions are of the types that they say.

use super::error::LoadError;
use super::names::check_span;
use super::{LoadedFeed, Loader};
use crate::expr::{CheckContext, Type};
use crate::ir::{Aggregate, DefinitionIr, DefinitionKind, FeedIr, Operand, ScalarType, Window, limits};
use crate::rule_set::{Feed, Kind};
use crate::state::{Gathering, Layout};

/// A feed's kind, its cells, and how long after its newest event a cell can be read (`None`: for ever).
pub(super) fn kind(feed: &FeedIr, place: &str) -> Result<(Kind, Layout, Option<u64>), LoadError> {
    let invalid = |what: &str| Err(LoadError::invalid(place, what));
    check_window(feed.window, place)?;
    let is_sliding = matches!(feed.window, Window::Sliding { .. });
    match &feed.aggregate {
        Aggregate::Count { ring: Some(capacity) } if !is_sliding || !(1..=limits::MAX_RING).contains(capacity) => {
            return invalid("a ring holds 1 to 64 times of a sliding window");
        }
        Aggregate::Distinct { max: Some(max), .. } if !(1..=limits::MAX_DISTINCT).contains(max) => {
            return invalid(&format!("a count of values is exact to 1 to {}", limits::MAX_DISTINCT));
        }
        Aggregate::Last { of, max_bytes } if !room_for(of.ty).contains(max_bytes) => {
            return invalid(&format!("the room for a text is 1 to {} bytes, for others 0", limits::MAX_LAST_BYTES));
        }
        Aggregate::FirstSeen | Aggregate::Last { .. } => {}
        _ if feed.window == Window::Ever => return invalid("only what was seen first or last is gathered for ever"),
        _ => {}
    }
    if let Some(of) = feed.aggregate.operand()
        && !takes(&feed.aggregate, of.ty)
    {
        return invalid(&format!("such a feed does not take {}", Type::of_scalar(of.ty)));
    }
    let layout = Layout::of_feed(feed);
    let kind = Kind::Feed { gathering: Gathering::of(&feed.aggregate), window: feed.window };
    Ok((kind, layout, layout.reach_ms(feed.window)))
}

fn check_window(window: Window, place: &str) -> Result<(), LoadError> {
    match window {
        Window::Sliding { within_ms } => check_span(place, "within", within_ms),
        Window::Session { gap_ms } => check_span(place, "gap", gap_ms),
        Window::Tumbling { .. } | Window::Ever => Ok(()),
    }
}

/// Bytes that a feed keeps of the newest value.
fn room_for(ty: ScalarType) -> std::ops::RangeInclusive<u16> {
    match ty {
        ScalarType::String | ScalarType::Bytes => 1..=limits::MAX_LAST_BYTES,
        _ => 0..=0,
    }
}

fn takes(aggregate: &Aggregate, ty: ScalarType) -> bool {
    use ScalarType::{Double, Duration, Int, Timestamp, Uint};
    match aggregate {
        Aggregate::Count { .. } | Aggregate::FirstSeen => false,
        Aggregate::Sum(_) | Aggregate::Avg(_) => matches!(ty, Int | Uint | Double | Duration),
        Aggregate::Min(_) | Aggregate::Max(_) => matches!(ty, Int | Uint | Double | Duration | Timestamp),
        Aggregate::Distinct { .. } => ty != Double,
        Aggregate::Last { .. } => true,
    }
}

/// The type of what a `let` reads; `None` where the definition is no feed.
pub(super) fn let_type(definition: &DefinitionIr) -> Option<Type> {
    match &definition.kind {
        DefinitionKind::Feed(feed) => Some(Type::of_scalar(feed.aggregate.result())),
        _ => None,
    }
}

impl Loader<'_> {
    pub(super) fn feed(
        &self,
        definition: u32,
        ir: &DefinitionIr,
        place: &str,
    ) -> Result<Option<LoadedFeed>, LoadError> {
        let DefinitionKind::Feed(feed) = &ir.kind else { return Ok(None) };
        if let Window::Tumbling { zone, .. } = feed.window {
            self.check_zone(zone, place)?;
        }
        let plan = self.plan(place, feed.event_type)?;
        let context = self.context(plan.extractor.slots(), &[]);
        let filter = feed.filter.as_ref().map(|f| self.program(place, "where", f, &context)).transpose()?;
        if filter.as_ref().is_some_and(|f| !f.ty.fits(&Type::Bool)) {
            return Err(LoadError::invalid(place, "`where` is no bool"));
        }
        let key = self.key(place, &feed.key, &ir.key_types, &context)?;
        let operand = feed.aggregate.operand().map(|of| self.operand(place, of, &context)).transpose()?;
        Ok(Some(LoadedFeed { event_type: feed.event_type, feed: Feed { definition, filter, key, operand } }))
    }

    fn operand(
        &self,
        place: &str,
        of: &Operand,
        context: &CheckContext<'_>,
    ) -> Result<crate::expr::Program, LoadError> {
        let program = self.program(place, "value", &of.expr, context)?;
        let wanted = Type::of_scalar(of.ty);
        if program.ty == wanted {
            return Ok(program);
        }
        Err(LoadError::invalid(place, &format!("its value is {}, its definition says {wanted}", program.ty)))
    }
}
