//! What classes of the library do by functions that they were given, and by methods of the classes that derive from them.
//!
//! ```python
//! groups = defaultdict(make_group)
//! groups["a"]                                   # calls make_group
//! class Table(UserDict): ...
//! Table().update(a=1)                           # calls Table.__setitem__
//! parser.add_argument("--size", type=parse)
//! parser.parse_args()                           # calls parse
//! ```

use ruff_text_size::TextSize;
use smallvec::smallvec;

use super::{Abs, AbsSet, EnvRef, Interpreter, elements_of, unique};
use crate::facts::{CallRole, Sym, Value};
use crate::program::{ModuleId, tables};

impl Interpreter<'_> {
    /// A missing item of a `defaultdict` is made: by what that was given.
    pub(super) fn item_made(&mut self, owner: ModuleId, name: Sym, place: (ModuleId, TextSize)) {
        let code = self.code(owner);
        for &(_, value) in code.globals_of(name) {
            let Value::Call(call) = code.value(value) else { continue };
            let Some(&factory) = code.positional(&code.call(call)).first() else { continue };
            let factories = self.quietly(|w| w.eval(owner, factory, &EnvRef::default()));
            self.under_condition(|w| {
                for factory in factories {
                    if matches!(
                        factory,
                        Abs::Function(..) | Abs::Method(..) | Abs::Partial(..) | Abs::Class(_)
                    ) {
                        w.call(&factory, &[], &[], CallRole::Used, place);
                    }
                }
            });
        }
    }

    /// A method that a class has from a base of the library, which does its work by others that the class has itself:
    /// `UserDict.update` stores its items by `__setitem__`. Whether there is one.
    pub(super) fn mixed_in(&mut self, abs: &Abs, method: &str, args: &[AbsSet]) -> bool {
        let Abs::Instance(class, _) = abs else { return false };
        if !tables::may_be_mixed_in(method) {
            return false;
        }
        let mut found = false;
        for base in self.foreign_bases(class) {
            for special in tables::mixed_in(base.as_str(), method) {
                let unknown: AbsSet = smallvec![Abs::Unknown];
                let first = args.first().unwrap_or(&unknown);
                let second =
                    args.get(1).cloned().unwrap_or_else(|| first.iter().flat_map(elements_of).collect());
                found |= self.special(abs, special, &[first.clone(), second]);
            }
        }
        found
    }

    /// What a parser of arguments was told to call, and that it parses: `parser.add_argument("--size", type=parse)`.
    pub(super) fn arguments_parsed(
        &mut self,
        method: &str,
        keywords: &[(Sym, AbsSet)],
        place: (ModuleId, TextSize),
    ) {
        if self.silent > 0 {
            return;
        }
        if method == "add_argument" {
            for (_, set) in keywords.iter().filter(|(name, _)| matches!(name.as_str(), "type" | "action")) {
                self.parsers_call.extend(set.iter().cloned());
                unique(&mut self.parsers_call);
            }
        } else if matches!(method, "parse_args" | "parse_known_args" | "parse_intermixed_args") {
            let called = std::mem::take(&mut self.parsers_call);
            let unknown: [AbsSet; 4] = std::array::from_fn(|_| smallvec![Abs::Unknown]);
            self.under_condition(|w| {
                w.callbacks(&called);
                for class in called.iter().filter(|abs| matches!(abs, Abs::Class(_))) {
                    for action in w.call(class, &unknown[..1], &[], CallRole::Used, place) {
                        w.special(&action, "__call__", &unknown);
                    }
                }
            });
        }
    }
}
