//! `rollout:` and `variations:`, which go by shares of players.
//!
//! In: their nodes. Out: [`RolloutDecl`], [`VariationDecl`]. Shares are thousandths of a percent. An entry of `variations` without
//! `split` is one arm for all.

use rules_engine::ir::{ALL, limits};

use super::reader::{Fields, Reader};
use super::{Cel, KeyDecl, Literal};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};

/// `rollout:`
#[derive(Clone, PartialEq, Debug)]
pub struct RolloutDecl {
    /// The whole clause.
    pub span: Span,
    /// How many, in thousandths of a percent.
    pub share: Spanned<u32>,
    /// Of what.
    pub by: KeyDecl,
    /// Makes it independent of other rollouts.
    pub salt: Spanned<String>,
}

/// One item of `variations:`
#[derive(Clone, PartialEq, Debug)]
pub struct VariationDecl {
    /// The whole item.
    pub span: Span,
    /// For whom; absent: for everybody.
    pub when: Option<Cel>,
    /// At least one.
    pub arms: Vec<ArmDecl>,
    /// Of what the arms are shares.
    pub by: KeyDecl,
    /// Of a split.
    pub salt: Option<Spanned<String>>,
}

/// One way to go.
#[derive(Clone, PartialEq, Debug)]
pub struct ArmDecl {
    /// What `variation` reads as.
    pub name: Spanned<String>,
    /// For how many, in thousandths of a percent.
    pub share: u32,
    /// Parameters with other values.
    pub params: ParamValues,
    /// The rule does not fire.
    pub hold_back: bool,
}

/// Values for parameters.
pub type ParamValues = Vec<(Spanned<String>, Spanned<Literal>)>;

impl Reader<'_> {
    pub(super) fn rollout(&mut self, node: &Node) -> Option<RolloutDecl> {
        let mut fields = self.fields(node, "`rollout`")?;
        let share = match fields.take_bare(|key| key.ends_with('%')) {
            Some(key) => self.share(&key),
            None => fields.need(self, "share").and_then(|n| self.text(n, "`share`")).and_then(|text| self.share(&text)),
        };
        let by = self.by_or_player(&mut fields, node);
        let salt = fields.need(self, "salt").and_then(|n| self.salt(n));
        fields.finish(self);
        Some(RolloutDecl { span: node.span, share: share?, by: by?, salt: salt? })
    }

    fn by_or_player(&mut self, fields: &mut Fields<'_>, node: &Node) -> Option<KeyDecl> {
        match fields.get("by") {
            Some(by) => self.key(by),
            None => Some(self.player_key(node)),
        }
    }

    fn salt(&mut self, node: &Node) -> Option<Spanned<String>> {
        self.name(node, "a salt", true)
    }

    /// `40%`, `0.125%`
    fn share(&mut self, text: &Spanned<String>) -> Option<Spanned<u32>> {
        let share = parse_share(&text.value);
        if share.is_none() {
            let words = format!("a share cannot be `{}`", text.value);
            let help = "write a percentage from `0%` to `100%`, with at most three digits after the point: `12.5%`";
            self.push(Diagnostic::new(Code::BadValue, text.span, words).help(help));
        }
        Some(Spanned::new(share?, text.span))
    }

    /// `None` where any of them cannot be read.
    pub(super) fn variations(&mut self, node: &Node) -> Option<Vec<VariationDecl>> {
        let items = self.items(node, "`variations`");
        if items.len() > limits::MAX_VARIATIONS {
            let words = format!("`variations` has {} items; limit {}", items.len(), limits::MAX_VARIATIONS);
            self.push(Diagnostic::new(Code::TooLarge, node.span.at_start(), words).help("split the rule in two"));
            return None;
        }
        let all: Vec<_> = items.iter().enumerate().map(|(at, item)| self.variation(item, at + 1)).collect();
        let all: Vec<_> = all.into_iter().collect::<Option<_>>()?;
        (!all.is_empty()).then_some(all)
    }

    fn variation(&mut self, node: &Node, number: usize) -> Option<VariationDecl> {
        let mut fields = self.fields(node, "a variation")?;
        let when = self.optional(&mut fields, "when", |reader, n| reader.cel(n, "`when`"));
        let (arms, by, salt) = match fields.get("split") {
            Some(split) => {
                let by = self.by_or_player(&mut fields, node);
                let salt = fields.need(self, "salt").and_then(|n| self.salt(n));
                let arms = self.split(split, &mut fields);
                (arms, by, salt.map(Some))
            }
            None => (
                self.whole_arm(node, number, &mut fields).map(|arm| vec![arm]),
                Some(self.player_key(node)),
                Some(None),
            ),
        };
        fields.finish(self);
        Some(VariationDecl { span: node.span, when: when?, arms: arms?, by: by?, salt: salt? })
    }

    /// `{ name: vip, params: { mult: 2 }, hold_back: true }`
    fn whole_arm(&mut self, node: &Node, number: usize, fields: &mut Fields<'_>) -> Option<ArmDecl> {
        let name = self.optional(fields, "name", |reader, n| reader.name(n, "the name of a variation", false))?;
        let name = name.unwrap_or_else(|| Spanned::new(number.to_string(), node.span.at_start()));
        let params = self.optional(fields, "params", |reader, n| reader.param_values(n))?.unwrap_or_default();
        let hold_back = self.optional(fields, "hold_back", |reader, n| reader.switch(n, "`hold_back`"))?;
        Some(ArmDecl { name, share: ALL, params, hold_back: hold_back.unwrap_or(false) })
    }

    /// `split: { a: 50%, b: 50% }, params: { a: { mult: 2 } }, hold_back: [b]`
    fn split(&mut self, node: &Node, fields: &mut Fields<'_>) -> Option<Vec<ArmDecl>> {
        let (params, held) = (fields.get("params"), fields.get("hold_back"));
        let mut arms = self.arms(node)?;
        let mut sound = true;
        if let Some(params) = params {
            let mut of_arms = self.fields(params, "`params` of a split")?;
            for (name, value) in of_arms.rest() {
                match arm_of(&mut arms, &name.value) {
                    Some(arm) => match self.param_values(value) {
                        Some(params) => arm.params = params,
                        None => sound = false,
                    },
                    None => sound = self.no_arm(&name, node),
                }
            }
        }
        if let Some(held) = held {
            for item in self.items(held, "`hold_back`") {
                let Some(name) = self.name(item, "the name of a variation", false) else { continue };
                match arm_of(&mut arms, &name.value) {
                    Some(arm) => arm.hold_back = true,
                    None => sound = self.no_arm(&name, node),
                }
            }
        }
        sound.then_some(arms)
    }

    fn arms(&mut self, node: &Node) -> Option<Vec<ArmDecl>> {
        let mut fields = self.fields(node, "`split`")?;
        let shares = fields.rest();
        if shares.len() < 2 || shares.len() > limits::MAX_ARMS {
            let words = format!("`split` has {} parts; possible are 2 to {}", shares.len(), limits::MAX_ARMS);
            self.push(Diagnostic::new(Code::BadSplit, node.span, words).help("write `{ a: 50%, b: 50% }`"));
            return None;
        }
        let arm = |(name, value): (Spanned<String>, &Node)| {
            let name = self.checked_name(name, "the name of a variation", false)?;
            let text = self.text(value, "a share")?;
            let share = self.share(&text)?.value;
            Some(ArmDecl { name, share, params: Vec::new(), hold_back: false })
        };
        let arms = shares.into_iter().map(arm).collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()?;
        let sum: u64 = arms.iter().map(|arm| u64::from(arm.share)).sum();
        if sum != u64::from(ALL) {
            let words = format!("the shares of `split` are {} % together", sum as f64 / 1_000.0);
            let help = "make them 100 %; who should see nothing is a part, too: name it in `hold_back`";
            self.push(Diagnostic::new(Code::BadSplit, node.span, words).help(help));
            return None;
        }
        Some(arms)
    }

    fn no_arm(&mut self, name: &Spanned<String>, split: &Node) -> bool {
        let words = format!("`split` has no part `{}`", name.value);
        let d = Diagnostic::new(Code::BadSplit, name.span, words).also(split.span, "the parts");
        self.push(d.help("correct the name, or add the part with its share"));
        false
    }

    /// `{ mult: 2 }`
    pub(super) fn param_values(&mut self, node: &Node) -> Option<ParamValues> {
        if !matches!(node.kind, Kind::Map(_)) {
            self.wrong_shape(node, "`params`", "a map of parameters (`{ mult: 2 }`)");
            return None;
        }
        let mut fields = self.fields(node, "`params`")?;
        let values = fields.rest();
        if values.len() > limits::MAX_ARM_PARAMS {
            let words = format!("`params` has {} values; limit {}", values.len(), limits::MAX_ARM_PARAMS);
            self.push(Diagnostic::new(Code::TooLarge, node.span, words).help("split the rule in two"));
            return None;
        }
        values.into_iter().map(|(name, value)| Some((name, self.literal(value, "a parameter")?))).collect()
    }
}

fn arm_of<'a>(arms: &'a mut [ArmDecl], name: &str) -> Option<&'a mut ArmDecl> {
    arms.iter_mut().find(|arm| arm.name.value == name)
}

/// Thousandths of a percent.
fn parse_share(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?.trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let sound = !whole.is_empty() && whole.len() <= 3 && fraction.len() <= 3 && digits(whole) && digits(fraction);
    if !sound || number.ends_with('.') {
        return None;
    }
    let thousandths: u32 = format!("{fraction:0<3}").parse().ok()?;
    Some(whole.parse::<u32>().ok()? * 1_000 + thousandths).filter(|share| *share <= ALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        for (text, share) in [("40%", 40_000), ("0.125%", 125), ("100%", 100_000), ("0%", 0), ("12.5 %", 12_500)] {
            assert_eq!(parse_share(text), Some(share), "{text}");
        }
        for text in ["40", "%", "100.001%", "-1%", "1.2345%", ".5%", "1.%", "1e1%", "4294967296%"] {
            assert_eq!(parse_share(text), None, "{text}");
        }
    }
}
