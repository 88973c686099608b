//! What decorators store in the classes that they are given.
//!
//! ```python
//! def tracked(cls):
//!     original = cls.__init__
//!     def __init__(self, *args):
//!         CREATED.append(cls.__name__)
//!         original(self, *args)
//!     cls.__init__ = __init__      # whoever makes an instance runs this one
//!     return cls
//! ```

use std::sync::Arc as Rc;

use smallvec::smallvec;

use super::{Abs, AbsSet, ClassRef, EnvRef, Interpreter};
use crate::facts::{FuncId, OpKind, Sym, Value, ValueId};
use crate::program::ModuleId;

/// Names with what is stored under them, and whether that is in any case.
pub type Decorated = Rc<[(Sym, AbsSet, bool)]>;

impl Interpreter<'_> {
    /// What the decorators of a class, not those of its bases, have stored in it under a name. `certain`: in any case, and not only if
    /// the class has none of its own.
    pub(super) fn stored_by_decorators(&mut self, class: &ClassRef, name: Sym, certain: bool) -> AbsSet {
        if self.code(class.module).classes[class.class as usize].decorators.is_empty() {
            return AbsSet::new();
        }
        let key = (class.module, class.class, class.around.number());
        let known = self.decorated.get(&key).cloned();
        let stored = known.unwrap_or_else(|| {
            // Who asks while this is computed, asks for what the class itself has.
            self.decorated.insert(key, Rc::default());
            let stored: Decorated = self.quietly(|w| w.all_stored_by_decorators(class)).into();
            self.decorated.insert(key, stored.clone());
            stored
        });
        let fits = |stored: &&(Sym, AbsSet, bool)| stored.0 == name && (stored.2 || !certain);
        stored.iter().filter(fits).flat_map(|(_, set, _)| set.clone()).collect()
    }

    fn all_stored_by_decorators(&mut self, class: &ClassRef) -> Vec<(Sym, AbsSet, bool)> {
        let decorators = &self.code(class.module).classes[class.class as usize].decorators;
        let given: AbsSet = smallvec![Abs::Class(class.clone())];
        let mut out = Vec::new();
        for &decorator in decorators {
            for abs in self.eval(class.module, decorator, &class.around) {
                match &abs {
                    Abs::Function(module, func, env, _) => {
                        self.stored_in_first(
                            (*module, *func),
                            0,
                            std::slice::from_ref(&given),
                            env,
                            &mut out,
                        );
                    }
                    Abs::Instance(of, _) => {
                        if let Some((module, func, around)) = self.find_method(of, "__call__") {
                            let args = [smallvec![abs.clone()], given.clone()];
                            self.stored_in_first((module, func), 1, &args, &around, &mut out);
                        }
                    }
                    _ => {}
                }
            }
        }
        out
    }

    /// What a function stores in attributes of one of its parameters.
    fn stored_in_first(
        &mut self,
        (module, func): (ModuleId, FuncId),
        param: u32,
        args: &[AbsSet],
        closure: &EnvRef,
        out: &mut Vec<(Sym, AbsSet, bool)>,
    ) {
        let code = self.code(module);
        let params = &code.function(func).params;
        let param = params.start + param;
        let of_param = |base: ValueId| matches!(code.value(base), Value::Var(var) if var == param);
        if !params.contains(&param) {
            return;
        }
        let stores: Vec<(Sym, ValueId, bool)> = code
            .ops_of(func)
            .filter_map(|op| match op.kind {
                OpKind::SetAttr { base, attr, value, .. } if of_param(base) => {
                    Some((attr, value, !op.conditional && !op.may_have_left))
                }
                OpKind::Call { call, .. } => {
                    let call = code.call(call);
                    match (code.value(call.callee), code.positional(&call)) {
                        (Value::Global(name), &[base, attr, value])
                            if name == "setattr" && of_param(base) =>
                        {
                            match code.value(attr) {
                                Value::Str(attr) => Some((attr, value, !op.conditional && !op.may_have_left)),
                                _ => None,
                            }
                        }
                        _ => None,
                    }
                }
                _ => None,
            })
            .collect();
        if stores.is_empty() {
            return;
        }
        let env = self.bound((module, func), closure, args, &[], (Box::default(), false));
        for (attr, value, certain) in stores {
            let found = self.eval(module, value, &env);
            out.push((attr, found, certain));
        }
    }
}
