//! Who changes the handlers of loggers, as far as others can tell.
//!
//! ```python
//! logging.getLogger().addHandler(h)       # those of the logger above all
//! logger.handlers.clear()                 # those of any
//! logger.addHandler(NullHandler())        # does nothing but to keep quiet: nobody can tell
//! ```

use super::state::foreign_path;
use super::{ModuleId, Program, tables};
use crate::facts::{Call, Code, FuncId, Op, OpKind, Value, ValueId};

/// Those of the logger above all.
const ROOT: &[&str] = &[tables::ROOT_HANDLERS];
/// Those of another one.
const NAMED: &[&str] = &[tables::HANDLERS];
/// Those of any.
const ANY: &[&str] = &[tables::HANDLERS, tables::ROOT_HANDLERS];

/// Which handlers an operation changes, by the state that readers ask for.
pub(super) fn changed_handlers(
    program: &Program,
    id: ModuleId,
    func: FuncId,
    op: &Op,
) -> &'static [&'static str] {
    let code = &program.module(id).facts.code;
    // `self.handlers = []`: an attribute of an object of the program.
    let own = |base| {
        let function = code.function(func);
        function.class.is_some() && code.value(base) == Value::Var(function.params.start)
    };
    let handlers_of = |value| match code.value(value) {
        Value::Attr(base, attr) if attr == tables::HANDLERS_ATTRIBUTE && !own(base) => Some(base),
        _ => None,
    };
    match op.kind {
        OpKind::Call { call, .. } => {
            let call = code.call(call);
            match code.value(call.callee) {
                Value::Attr(base, method) if tables::changes_handlers(method.as_str()) => {
                    let quiet = |&handler: &ValueId| keeps_quiet(program, id, handler);
                    if code.positional(&call).first().is_some_and(quiet) {
                        &[]
                    } else {
                        logger(program, id, base, 0)
                    }
                }
                Value::Attr(base, method) if tables::is_mutator(method) => {
                    handlers_of(base).map_or(&[], |base| logger(program, id, base, 0))
                }
                Value::Attr(..) | Value::Global(_) => by_function(program, id, &call),
                _ => &[],
            }
        }
        OpKind::SetAttr { base, attr, .. } | OpKind::DelAttr { base, attr } => {
            let counts = attr == tables::HANDLERS_ATTRIBUTE && !own(base);
            if counts { logger(program, id, base, 0) } else { &[] }
        }
        OpKind::SetItem { base, .. } | OpKind::DelItem { base, .. } | OpKind::ChangeInPlace { base, .. } => {
            handlers_of(base).map_or(&[], |base| logger(program, id, base, 0))
        }
        _ => &[],
    }
}

/// What a function of the library changes.
fn by_function(program: &Program, id: ModuleId, call: &Call) -> &'static [&'static str] {
    match foreign_path(program, id, call.callee) {
        Some(path) if tables::gives_root_handler(&path) => ROOT,
        Some(path) if path == "logging.config.dictConfig" || path == "logging.config.fileConfig" => ANY,
        _ => &[],
    }
}

/// Whether a handler is the one that does nothing.
fn keeps_quiet(program: &Program, id: ModuleId, handler: ValueId) -> bool {
    let code = &program.module(id).facts.code;
    let Value::Call(call) = code.value(handler) else { return false };
    foreign_path(program, id, code.call(call).callee).is_some_and(|path| path == "logging.NullHandler")
}

/// The handlers of the logger that a value is.
fn logger(program: &Program, id: ModuleId, value: ValueId, steps: u32) -> &'static [&'static str] {
    let code: &Code = &program.module(id).facts.code;
    let path = foreign_path(program, id, value);
    if path.as_deref() == Some("logging.root") {
        return ROOT;
    }
    match code.value(value) {
        Value::Call(call) => {
            let call = code.call(call);
            let of_library =
                foreign_path(program, id, call.callee).is_some_and(|path| path == "logging.getLogger");
            match code.positional(&call) {
                _ if !of_library || call.unpacks() => ANY,
                [] if code.keyword_args(&call).next().is_none() => ROOT,
                &[ValueId::NONE] => ROOT,
                &[name] => match code.value(name) {
                    Value::Str(name) if name != "root" && !name.as_str().is_empty() => NAMED,
                    Value::Global(name) if name == "__name__" => NAMED,
                    _ => ANY,
                },
                _ => ANY,
            }
        }
        Value::Global(name) => match code.globals_of(name) {
            &[(_, value)] if steps < 4 && value != ValueId::OPAQUE => logger(program, id, value, steps + 1),
            _ => ANY,
        },
        Value::Var(var) => {
            let variable = &code.vars[var as usize];
            let is_parameter = code.function(variable.func).params.contains(&var);
            match code.assigned_to(var) {
                &[value] if steps < 4 && !is_parameter => logger(program, id, value, steps + 1),
                _ => ANY,
            }
        }
        _ => ANY,
    }
}
