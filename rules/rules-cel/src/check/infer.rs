//! Which types fit which, and the types still to be found.
//!
//! Every [`Type::Param`] in here is a variable of one check. A bound variable takes a more general type when one fits
//! later (`[1] + [dyn(x)]` is a list of dyn); all is undone when an overload turns out not to fit. `dyn` and the error type
//! fit everything.

use crate::types::Type;

/// The variables of one check.
#[derive(Debug, Default)]
pub(super) struct Infer {
    bound: Vec<Option<Type>>,
    /// Which were bound and what they were before, oldest first.
    trail: Vec<(u32, Option<Type>)>,
}

/// A moment to which [`Infer::undo`] returns.
#[derive(Clone, Copy)]
pub(super) struct Mark(usize);

impl Infer {
    /// A new variable.
    pub(super) fn fresh(&mut self) -> Type {
        self.bound.push(None);
        Type::Param(u32::try_from(self.bound.len() - 1).expect("a bounded text makes a bounded number of variables"))
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.trail.len())
    }

    /// Unbinds what was bound since the mark.
    pub(super) fn undo(&mut self, mark: Mark) {
        for (number, before) in self.trail.drain(mark.0..).rev() {
            self.bound[number as usize] = before;
        }
    }

    /// A signature's type with its parameters replaced by variables of this check; the same letter becomes the same one.
    pub(super) fn instantiate(&mut self, ty: &Type, letters: &mut Vec<Type>) -> Type {
        match ty {
            Type::Param(letter) => {
                while letters.len() <= *letter as usize {
                    let variable = self.fresh();
                    letters.push(variable);
                }
                letters[*letter as usize].clone()
            }
            _ => rebuild(ty, &mut |inner| self.instantiate(inner, letters)),
        }
    }

    /// The type with bound variables replaced at its top.
    pub(super) fn resolve(&self, ty: &Type) -> Type {
        let mut at = ty;
        while let Type::Param(number) = at {
            match &self.bound[*number as usize] {
                Some(bound) => at = bound,
                None => break,
            }
        }
        at.clone()
    }

    /// The type with bound variables replaced everywhere.
    pub(super) fn deep(&self, ty: &Type) -> Type {
        match self.resolve(ty) {
            Type::Param(number) => Type::Param(number),
            resolved => rebuild(&resolved, &mut |inner| self.deep(inner)),
        }
    }

    /// The type without any variable: those never bound are `dyn`.
    pub(super) fn finish(&self, ty: &Type) -> Type {
        match self.resolve(ty) {
            Type::Param(_) => Type::Dyn,
            resolved => rebuild(&resolved, &mut |inner| self.finish(inner)),
        }
    }

    /// Whether a value of the one type may stand where the other is wanted. Binds variables; when false, none.
    pub(super) fn fits(&mut self, from: &Type, to: &Type) -> bool {
        let mark = self.mark();
        let fits = self.unify(from, to);
        if !fits {
            self.undo(mark);
        }
        fits
    }

    fn unify(&mut self, from: &Type, to: &Type) -> bool {
        if let Some((number, bound)) = self.binding(to) {
            if !self.unify(from, &bound) {
                return false;
            }
            let general = self.more_general(from, &bound);
            return general == bound || self.bind(number, &general);
        }
        let (from, to) = (self.resolve(from), self.resolve(to));
        match (&from, &to) {
            (Type::Param(left), Type::Param(right)) if left == right => true,
            (other, Type::Param(number)) | (Type::Param(number), other) => self.bind(*number, other),
            (Type::Dyn | Type::Error, _) | (_, Type::Dyn | Type::Error) => true,
            (Type::Null, other) | (other, Type::Null) => other.is_nullable(),
            (Type::Wrapper(left), Type::Wrapper(right)) => left == right,
            (Type::Wrapper(inner), other) | (other, Type::Wrapper(inner)) => **inner == *other,
            (Type::List(left), Type::List(right)) | (Type::Optional(left), Type::Optional(right)) => {
                self.unify(left, right)
            }
            (Type::Map(left_key, left), Type::Map(right_key, right)) => {
                self.unify(left_key, right_key) && self.unify(left, right)
            }
            (Type::Abstract(left, left_params), Type::Abstract(right, right_params)) => {
                let pairs = left_params.iter().zip(right_params.iter());
                left == right
                    && left_params.len() == right_params.len()
                    && pairs.into_iter().all(|(left, right)| self.unify(left, right))
            }
            // Types are values of one kind: `type(x) == int` is asked of any `x`.
            (Type::Type(_), Type::Type(_)) => true,
            _ => from == to,
        }
    }

    fn bind(&mut self, number: u32, ty: &Type) -> bool {
        if self.occurs(number, ty) {
            return false;
        }
        let before = self.bound[number as usize].replace(ty.clone());
        self.trail.push((number, before));
        true
    }

    /// The variable that stands for the type and is bound to something that is no variable.
    fn binding(&self, ty: &Type) -> Option<(u32, Type)> {
        let &Type::Param(mut number) = ty else { return None };
        loop {
            match self.bound[number as usize].as_ref()? {
                Type::Param(next) => number = *next,
                bound => return Some((number, bound.clone())),
            }
        }
    }

    /// Whether the variable is part of the type: then binding it would make a type without end.
    fn occurs(&self, number: u32, ty: &Type) -> bool {
        match ty {
            Type::Param(other) if *other == number => true,
            Type::Param(other) => self.bound[*other as usize].as_ref().is_some_and(|bound| self.occurs(number, bound)),
            Type::List(inner) | Type::Optional(inner) | Type::Type(inner) | Type::Wrapper(inner) => {
                self.occurs(number, inner)
            }
            Type::Map(key, value) => self.occurs(number, key) || self.occurs(number, value),
            Type::Abstract(_, params) => params.iter().any(|param| self.occurs(number, param)),
            _ => false,
        }
    }

    /// The type that holds values of both; nothing where there is only `dyn`.
    pub(super) fn join(&mut self, left: &Type, right: &Type) -> Option<Type> {
        self.fits(left, right).then(|| self.more_general(left, right))
    }

    /// Of two types that fit: the one with more values.
    fn more_general(&self, left: &Type, right: &Type) -> Type {
        let (left, right) = (self.resolve(left), self.resolve(right));
        match (left, right) {
            (Type::Error, other) | (other, Type::Error) => other,
            (Type::Dyn, _) | (_, Type::Dyn) => Type::Dyn,
            (Type::Null | Type::Param(_), other) | (other, Type::Null | Type::Param(_)) => other,
            (wrapper @ Type::Wrapper(_), _) | (_, wrapper @ Type::Wrapper(_)) => wrapper,
            (Type::List(left), Type::List(right)) => Type::list(self.more_general(&left, &right)),
            (Type::Optional(left), Type::Optional(right)) => Type::optional(self.more_general(&left, &right)),
            (Type::Map(left_key, left), Type::Map(right_key, right)) => {
                Type::map(self.more_general(&left_key, &right_key), self.more_general(&left, &right))
            }
            (Type::Abstract(name, left), Type::Abstract(_, right)) => {
                let params = left.iter().zip(right.iter()).map(|(left, right)| self.more_general(left, right));
                Type::Abstract(name, params.collect())
            }
            (Type::Type(left), Type::Type(right)) if left != right => Type::type_of(Type::Dyn),
            (left, _) => left,
        }
    }
}

/// The same type with its parts replaced.
fn rebuild(ty: &Type, part: &mut impl FnMut(&Type) -> Type) -> Type {
    match ty {
        Type::List(inner) => Type::list(part(inner)),
        Type::Optional(inner) => Type::optional(part(inner)),
        Type::Type(inner) => Type::type_of(part(inner)),
        Type::Wrapper(inner) => Type::wrapper(part(inner)),
        Type::Map(key, value) => Type::map(part(key), part(value)),
        Type::Abstract(name, params) => Type::Abstract(name.clone(), params.iter().map(part).collect()),
        _ => ty.clone(),
    }
}

/// Whether the type is nested deeper than `limit`.
pub(super) fn deeper_than(ty: &Type, limit: usize) -> bool {
    if limit == 0 {
        return true;
    }
    match ty {
        Type::List(inner) | Type::Optional(inner) | Type::Type(inner) | Type::Wrapper(inner) => {
            deeper_than(inner, limit - 1)
        }
        Type::Map(key, value) => deeper_than(key, limit - 1) || deeper_than(value, limit - 1),
        Type::Abstract(_, params) => params.iter().any(|param| deeper_than(param, limit - 1)),
        _ => false,
    }
}
