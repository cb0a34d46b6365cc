//! Checks rules and brings them into emission order.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::LoadError;
use super::feed::let_type;
use super::names::{check_count, check_name, check_span};
use super::{LoadedRule, Loader};
use crate::compact::compact;
use crate::expr::{CheckContext, Program, Type};
use crate::identity::shadow_id;
use crate::ir::{self, ActionIr, DefinitionKind, GateIr, Mode, Node, RuleIr, TemplateEntry, limits};
use crate::json::write_string;
use crate::rule_set::{Action, ActionKind, Definition, Gate, Let, Rule, RuleInfo, TemplateStep, When};

impl Loader<'_> {
    /// All rules that are enabled; shadow rules' gates get state of their own.
    pub(super) fn rules(&self, definitions: &mut [Definition]) -> Result<Vec<LoadedRule>, LoadError> {
        let mut names = BTreeSet::new();
        let mut gates = BTreeSet::new();
        let mut rules = Vec::new();
        for ir in &self.ir.rules {
            let package = self.package("rule", ir.package)?;
            let place = format!("rule {package}/{}", ir.id);
            if !names.insert((ir.package, ir.id.as_str())) {
                return Err(LoadError::duplicate(&place, "the id stands twice"));
            }
            for gate in ir.cells() {
                if !gates.insert(gate.definition) {
                    return Err(LoadError::duplicate(&place, "a gate's definition belongs to one rule"));
                }
            }
            let loaded = self.rule(ir, package, &place)?;
            if ir.mode == Mode::Shadow {
                for gate in ir.cells() {
                    let definition = &mut definitions[gate.definition as usize];
                    definition.id = shadow_id(definition.id);
                    definition.durable = false;
                }
            }
            if ir.enabled {
                rules.push(loaded);
            }
        }
        rules.sort_by(|a, b| {
            let (a, b) = (&a.rule.info, &b.rule.info);
            b.precedence.cmp(&a.precedence).then_with(|| a.package.cmp(&b.package)).then_with(|| a.id.cmp(&b.id))
        });
        Ok(rules)
    }

    fn rule(&self, ir: &RuleIr, package: &str, place: &str) -> Result<LoadedRule, LoadError> {
        check_name(place, "id", &ir.id)?;
        check_count(place, "lets", ir.lets.len(), limits::MAX_LETS)?;
        check_count(place, "actions", ir.actions.len(), limits::MAX_ACTIONS)?;
        let plan = self.plan(place, ir.on)?;
        let paths = plan.extractor.slots();
        // Keys are made before windows are read.
        let keys = self.context(paths, &[]);
        let lets = ir.lets.iter().map(|l| self.let_(l, place, &keys)).collect::<Result<Vec<_>, _>>()?;
        let (lets, let_types): (Vec<Let>, Vec<Type>) = lets.into_iter().unzip();
        let own = self.context(paths, &let_types);
        let is_once = |kind: &DefinitionKind| matches!(kind, DefinitionKind::Once { .. });
        let is_cooldown = |kind: &DefinitionKind| matches!(kind, DefinitionKind::Cooldown { .. });
        let once = ir.once.as_ref().map(|g| self.gate(g, place, is_once, &keys)).transpose()?;
        let cooldown = ir.cooldown.as_ref().map(|g| self.gate(g, place, is_cooldown, &keys)).transpose()?;
        let (when, tests) = match &ir.when {
            None => (None, Vec::new()),
            Some(expr) => {
                let program = self.program(place, "when", expr, &own)?;
                if !program.ty.fits(&Type::Bool) {
                    return Err(LoadError::invalid(place, "`when` is no bool"));
                }
                let (when, tests) = split(program, paths);
                (Some(when), tests)
            }
        };
        let with_variation = CheckContext { variation: true, ..own };
        let actions = ir.actions.iter().map(|a| self.action(a, place, &with_variation)).collect::<Result<_, _>>()?;
        check_count(place, "dependencies", ir.depends_on.len(), limits::MAX_DEPENDENCIES)?;
        ir.depends_on.iter().try_for_each(|name| check_name(place, "name of a dependency", name))?;
        let info = RuleInfo {
            package: package.into(),
            id: ir.id.as_str().into(),
            on: ir.on,
            doc: ir.doc.clone(),
            owner: ir.owner.clone(),
            contact: ir.contact.clone(),
            depends_on: ir.depends_on.clone(),
            tags: ir.tags.clone(),
            mode: ir.mode,
            precedence: ir.precedence,
        };
        let rule = Rule {
            info,
            when,
            lets,
            active: ir.active.as_ref().map(|active| self.schedule(active, place)).transpose()?,
            variations: self.variations(ir, place, &keys)?,
            rollout: ir.rollout.as_ref().map(|rollout| self.rollout(rollout, place, &keys)).transpose()?,
            once,
            cooldown,
            group: self.group_of(ir, place)?,
            limits: self.limits(ir.rate_limit.as_ref(), place, &keys)?,
            actions,
        };
        Ok(LoadedRule { rule, tests })
    }

    pub(super) fn definition_ir(&self, at: u32, place: &str) -> Result<&ir::DefinitionIr, LoadError> {
        self.ir.definitions.get(at as usize).ok_or_else(|| LoadError::dangling(place, "its state is not defined"))
    }

    /// A `let` and the type of what it reads.
    fn let_(&self, ir: &ir::LetIr, place: &str, context: &CheckContext<'_>) -> Result<(Let, Type), LoadError> {
        check_name(place, "name of a `let`", &ir.name)?;
        let definition = self.definition_ir(ir.definition, place)?;
        let Some(ty) = let_type(definition) else { return Err(LoadError::invalid(place, "a `let` reads a window")) };
        if let Some(default) = ir.default
            && self.ir.consts.get(default as usize).map(Type::of_const).as_ref() != Some(&ty)
        {
            return Err(LoadError::invalid(place, &format!("the default of `{}` is no {ty}", ir.name)));
        }
        let key = self.key(place, &ir.key, &definition.key_types, context)?;
        Ok((Let { name: ir.name.clone(), definition: ir.definition, key, default: ir.default }, ty))
    }

    pub(super) fn gate(
        &self,
        ir: &GateIr,
        place: &str,
        fits: impl Fn(&DefinitionKind) -> bool,
        context: &CheckContext<'_>,
    ) -> Result<Gate, LoadError> {
        let definition = self.definition_ir(ir.definition, place)?;
        if !fits(&definition.kind) {
            return Err(LoadError::invalid(place, "a gate's definition is of another kind"));
        }
        Ok(Gate { definition: ir.definition, key: self.key(place, &ir.key, &definition.key_types, context)? })
    }

    fn action(&self, ir: &ActionIr, place: &str, context: &CheckContext<'_>) -> Result<Action, LoadError> {
        ir.deadline_ms.map_or(Ok(()), |d| check_span(place, "deadline", d))?;
        let named = |what: &str, name: &str| check_name(place, what, name).map(|()| Arc::from(name));
        let kind = match &ir.kind {
            ir::ActionKind::StartWorkflow { workflow } => ActionKind::StartWorkflow(named("workflow", workflow)?),
            ir::ActionKind::SignalWorkflow { signal } => ActionKind::SignalWorkflow(named("signal", signal)?),
            ir::ActionKind::CancelWorkflow => ActionKind::CancelWorkflow,
            ir::ActionKind::Publish { topic } => ActionKind::Publish(named("topic", topic)?),
            ir::ActionKind::Reply { name } => ActionKind::Reply(named("reply", name)?),
        };
        let wants_id = !matches!(kind, ActionKind::Publish(_) | ActionKind::Reply(_));
        let id = ir.id.as_ref().map(|id| self.program(place, "id", id, context)).transpose()?;
        if id.is_some() != wants_id || id.as_ref().is_some_and(|id| !id.ty.fits(&Type::String)) {
            return Err(LoadError::invalid(place, "workflows need an id that is a string, other actions have none"));
        }
        if matches!(kind, ActionKind::CancelWorkflow) && !ir.input.entries.is_empty() {
            return Err(LoadError::invalid(place, "cancelling a workflow takes no input"));
        }
        let template = self.template(&ir.input.entries, place, context)?;
        Ok(Action { kind, id, template, priority: ir.priority, deadline_ms: ir.deadline_ms })
    }

    /// The object's known text with its unknown values between.
    fn template(
        &self,
        entries: &[TemplateEntry],
        place: &str,
        context: &CheckContext<'_>,
    ) -> Result<Vec<TemplateStep>, LoadError> {
        check_count(place, "values of an action", entries.len(), limits::MAX_TEMPLATE_ENTRIES)?;
        let mut steps = Vec::new();
        let mut text = String::from("{");
        // The last name of each object that is open.
        let mut open: Vec<Option<&str>> = vec![None];
        for entry in entries {
            let (TemplateEntry::Value { name, .. } | TemplateEntry::Open { name }) = entry else {
                open.pop();
                if open.is_empty() {
                    return Err(LoadError::invalid(place, "an object of an action is closed twice"));
                }
                text.push('}');
                continue;
            };
            check_count(place, "bytes of a name", name.len(), limits::MAX_NAME_BYTES)?;
            let last = open.last_mut().expect("the outermost object is open until the end");
            if last.is_some_and(|last| last >= name.as_str()) {
                return Err(LoadError::duplicate(place, "names of an object must rise strictly"));
            }
            if last.replace(name).is_some() {
                text.push(',');
            }
            write_string(name, &mut text);
            text.push(':');
            match entry {
                TemplateEntry::Value { value, .. } => {
                    let program = self.program(place, name, value, context)?;
                    if !program.ty.has_json() {
                        return Err(LoadError::invalid(place, &format!("`{name}` is a message: name its fields")));
                    }
                    steps.push(TemplateStep::Text(std::mem::take(&mut text)));
                    steps.push(TemplateStep::Value(program));
                }
                _ => {
                    text.push('{');
                    open.push(None);
                    check_count(place, "objects inside each other", open.len(), limits::MAX_TEMPLATE_DEPTH)?;
                }
            }
        }
        if open.len() != 1 {
            return Err(LoadError::invalid(place, "an object of an action is not closed"));
        }
        text.push('}');
        steps.push(TemplateStep::Text(text));
        Ok(steps)
    }
}

/// Cuts a condition into tests, conjuncts that read no window, and the rest.
fn split(program: Program, paths: &[rules_catalogue::FieldPath]) -> (When, Vec<crate::compact::Test>) {
    let root = program.root();
    let conjuncts = match &program.nodes[root as usize] {
        Node::And(of) => of.clone(),
        _ => vec![root],
    };
    let mut tests = Vec::new();
    let (mut plain, mut windowed) = (Vec::new(), Vec::new());
    for &conjunct in &conjuncts {
        if let Some(test) = compact(&program, paths, conjunct) {
            tests.push(test);
        } else if program.reads_let(conjunct) {
            windowed.push(conjunct);
        } else {
            plain.push(conjunct);
        }
    }
    (When { program, conjuncts, plain, windowed }, tests)
}
