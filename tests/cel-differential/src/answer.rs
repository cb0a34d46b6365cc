//! What a side says of an expression, and where two sides differ.

use crate::seen::Seen;

/// What becomes of an expression in one way of asking.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// It is no expression, or not well typed.
    Refused(String),
    /// It has no value.
    Failed(String),
    /// Its value.
    Value(Seen),
}

/// What one side says.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// Checked, then evaluated.
    pub(crate) checked: Answer,
    /// The type that the check found.
    pub(crate) ty: String,
    /// Evaluated without a check.
    pub(crate) dynamic: Answer,
}

/// In what two sides differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    /// Whether the expression is well typed.
    Check,
    /// What type it has.
    Type,
    /// Its value after a check.
    Value,
    /// Its value without a check.
    Dynamic,
}

/// A difference, in words.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) part: Part,
    pub(crate) ours: String,
    pub(crate) theirs: String,
    /// Whether the lists in both have the same elements, in another order.
    pub(crate) is_order: bool,
}

/// What two sides said, compared.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) differences: Vec<Difference>,
    /// Whether anything that both evaluated could be compared.
    pub(crate) is_compared: bool,
    /// Whether both had a value.
    pub(crate) has_value: bool,
    /// Whether one side cannot show its value.
    pub(crate) is_unseen: bool,
    /// Whether both refused it.
    pub(crate) is_refused: bool,
}

/// Compares. Where their checker lacks functions that the expression calls, only what came without a check is looked at.
pub(crate) fn compared(ours: &Said, theirs: &Said, unchecked: bool) -> Comparison {
    let mut out = Comparison::default();
    if !unchecked {
        match (&ours.checked, &theirs.checked) {
            (Answer::Refused(_), Answer::Refused(_)) => out.is_refused = true,
            (Answer::Refused(why), _) => out.differs(Part::Check, format!("refused: {why}"), theirs.ty.clone()),
            (_, Answer::Refused(why)) => out.differs(Part::Check, ours.ty.clone(), format!("refused: {why}")),
            (left, right) => {
                if ours.ty != theirs.ty && !theirs.ty.is_empty() {
                    out.differs(Part::Type, ours.ty.clone(), theirs.ty.clone());
                }
                out.values(Part::Value, left, right);
            }
        }
    }
    out.values(Part::Dynamic, &ours.dynamic, &theirs.dynamic);
    out
}

impl Comparison {
    fn differs(&mut self, part: Part, ours: String, theirs: String) {
        self.differences.push(Difference { part, ours, theirs, is_order: false });
    }

    fn values(&mut self, part: Part, ours: &Answer, theirs: &Answer) {
        match (ours, theirs) {
            (Answer::Value(left), Answer::Value(right)) if left.is_unseen() || right.is_unseen() => {
                self.is_unseen = true;
            }
            (Answer::Value(left), Answer::Value(right)) if left == right => {
                self.is_compared = true;
                self.has_value = true;
            }
            (Answer::Value(left), Answer::Value(right)) => {
                let is_order = left.sorted() == right.sorted();
                let (ours, theirs) = (ours.to_string(), theirs.to_string());
                self.differences.push(Difference { part, ours, theirs, is_order });
            }
            (Answer::Failed(_), Answer::Failed(_)) => self.is_compared = true,
            (Answer::Refused(_), Answer::Refused(_)) => {}
            (ours, theirs) => self.differs(part, ours.to_string(), theirs.to_string()),
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Failed(why) => write!(f, "no value: {why}"),
            Self::Value(seen) => write!(f, "{seen:?}"),
        }
    }
}
