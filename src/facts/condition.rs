//! Conditions that are decided before the program runs: versions, platforms, type checking.
//!
//! ```python
//! if sys.version_info >= (3, 8):            # always, if the oldest supported version is 3.8
//! if TYPE_CHECKING:                         # never
//! if not getattr(ssl, "HAS_SNI", False):    # never: true in every supported version
//! if not hasattr(ssl, "PROTOCOL_TLS"):      # depends on nothing but the platform
//! ```

use ruff_python_ast::{self as ast, BoolOp, CmpOp, Expr, Number, UnaryOp};

use super::scope::Resolved;
use super::walker::Walker;
use crate::config::PythonVersion;
use crate::program::stdlib::{Has, Stdlib};

/// What a condition says about the code under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// It holds wherever the program may run.
    Always,
    /// It never holds when the program runs; type checkers may think otherwise.
    Never,
    /// The module is the main program; or a constant of the module is true, `DEBUG = False`, which people change in the source.
    Main,
    /// It depends on the interpreter and the platform only, and is the same in every run.
    Platform,
    /// Anything else.
    Unknown,
}

impl Condition {
    fn not(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Main => Self::Unknown,
            other => other,
        }
    }
}

/// What a program that runs on one kind of platform finds there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct System {
    /// `sys.platform`
    pub platform: &'static str,
    /// `os.name`
    pub name: &'static str,
    /// `platform.system()`
    pub system: &'static str,
}

impl System {
    /// The platform on which this program runs, if Python has a name for it here.
    pub fn current() -> Option<Self> {
        let (platform, name, system) = match std::env::consts::OS {
            "linux" => ("linux", "posix", "Linux"),
            "macos" => ("darwin", "posix", "Darwin"),
            "windows" => ("win32", "nt", "Windows"),
            _ => return None,
        };
        Some(Self { platform, name, system })
    }
}

/// Modules of the standard library that describe interpreter and platform, but for some of their names.
const PLATFORM_MODULES: &[&str] =
    &["sys", "os", "platform", "ssl", "struct", "socket", "select", "sysconfig", "errno", "signal", "time"];

/// Names in them that programs and users change.
const CHANGING: &[&str] = &[
    "argv",
    "path",
    "modules",
    "meta_path",
    "path_hooks",
    "stdin",
    "stdout",
    "stderr",
    "environ",
    "environb",
    "getenv",
    "getenvb",
    "getcwd",
    "getpid",
    "flags",
    "gettrace",
    "_getframe",
    "exc_info",
    "time",
    "monotonic",
    "warnoptions",
    "_xoptions",
    "dont_write_bytecode",
    "get_config_var",
    "listdir",
    "stat",
    "access",
    "exists",
];

/// Flags of the standard library that are true in every build that can run.
const TRUE_FLAGS: &[(&str, &str)] = &[("ssl", "HAS_SNI"), ("ssl", "HAS_ECDH"), ("ssl", "HAS_ALPN")];

/// Modules of the standard library that have the same names on every platform, as far as people ask for them.
const PORTABLE_MODULES: &[&str] = &[
    "abc",
    "ast",
    "builtins",
    "collections",
    "collections.abc",
    "contextlib",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "inspect",
    "itertools",
    "math",
    "operator",
    "re",
    "string",
    "types",
    "typing",
    "unittest",
    "warnings",
    "weakref",
];

impl Walker<'_> {
    /// Decides a condition as far as it can be known before the program runs.
    pub fn condition(&self, test: &Expr) -> Condition {
        match self.decided(test) {
            Condition::Unknown if self.is_switched_off(test) => Condition::Main,
            decided => decided,
        }
    }

    fn decided(&self, test: &Expr) -> Condition {
        match test {
            Expr::Name(name) if is_type_checking(name.id.as_str()) => Condition::Never,
            Expr::Attribute(attribute) if attribute.attr.as_str() == "TYPE_CHECKING" => Condition::Never,
            Expr::BooleanLiteral(literal) if !literal.value => Condition::Never,
            Expr::NumberLiteral(ast::ExprNumberLiteral {
                value: ast::Number::Int(ast::Int::ZERO), ..
            }) => Condition::Never,
            Expr::UnaryOp(unary) if unary.op == UnaryOp::Not => self.condition(&unary.operand).not(),
            Expr::BoolOp(operation) => {
                let (decides, other) = match operation.op {
                    BoolOp::And => (Condition::Never, Condition::Always),
                    BoolOp::Or => (Condition::Always, Condition::Never),
                };
                let parts: Vec<_> = operation.values.iter().map(|v| self.condition(v)).collect();
                // What stands before the deciding part is evaluated, so it must be known as well.
                let known = |c: &Condition| !matches!(c, Condition::Unknown | Condition::Main);
                if parts.contains(&decides) {
                    decides
                } else if parts.iter().all(|c| *c == other) {
                    other
                } else if operation.op == BoolOp::And && parts.contains(&Condition::Main) {
                    Condition::Main
                } else if parts.iter().all(known) {
                    Condition::Platform
                } else {
                    Condition::Unknown
                }
            }
            Expr::Compare(compare) => self.comparison(compare),
            Expr::Call(call) if self.is_true_flag(call) || self.is_there(call) => Condition::Always,
            Expr::Call(call) if let Some(known) = self.system_prefix(call) => {
                if known {
                    Condition::Always
                } else {
                    Condition::Never
                }
            }
            // `WINDOWS`, of which the value is known.
            Expr::Name(name) => self.known_condition(name.id.as_str()).unwrap_or(Condition::Unknown),
            other if self.is_platform(other) => Condition::Platform,
            _ => Condition::Unknown,
        }
    }

    fn known_condition(&self, name: &str) -> Option<Condition> {
        let name = self.names.find(name)?;
        let condition = self.names[name].condition?;
        (self.resolve(name) == Resolved::Global).then_some(condition)
    }

    fn comparison(&self, compare: &ast::ExprCompare) -> Condition {
        let ([op], [right]) = (&*compare.ops, &*compare.comparators) else {
            return Condition::Unknown;
        };
        if *op == CmpOp::Eq {
            let is_main = |a: &Expr, b: &Expr| {
                matches!(a, Expr::Name(n) if n.id.as_str() == "__name__")
                    && matches!(b, Expr::StringLiteral(s) if s.value.to_str() == "__main__")
            };
            if self.scopes.len() == 1 && (is_main(&compare.left, right) || is_main(right, &compare.left)) {
                return Condition::Main;
            }
        }
        if let Some(known) = self.version_test(&compare.left, *op, right) {
            return if known { Condition::Always } else { Condition::Never };
        }
        if let Some(known) = self.system_test(&compare.left, *op, right) {
            return if known { Condition::Always } else { Condition::Never };
        }
        if self.is_platform(&compare.left) && self.is_platform(right) {
            Condition::Platform
        } else {
            Condition::Unknown
        }
    }

    /// `sys.platform == "win32"`, `os.name != "nt"`, where one kind of platform is known.
    fn system_test(&self, left: &Expr, op: CmpOp, right: &Expr) -> Option<bool> {
        let actual = self.system_name(left)?;
        let same = match (op, right) {
            (CmpOp::Eq | CmpOp::NotEq, Expr::StringLiteral(text)) => text.value.to_str() == actual,
            (
                CmpOp::In | CmpOp::NotIn,
                Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }),
            ) => {
                let mut found = false;
                for element in elts {
                    let Expr::StringLiteral(text) = element else { return None };
                    found |= text.value.to_str() == actual;
                }
                found
            }
            _ => return None,
        };
        Some(same == matches!(op, CmpOp::Eq | CmpOp::In))
    }

    /// `os.name`, which is also the name of the library's module for the system.
    pub fn is_name_of_system(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Attribute(a) if a.attr.as_str() == "name" && self.is_module(&a.value, "os"))
    }

    /// What `sys.platform`, `os.name` or `platform.system()` is.
    fn system_name(&self, expr: &Expr) -> Option<&'static str> {
        let system = self.system?;
        match expr {
            Expr::Attribute(a) if a.attr.as_str() == "platform" && self.is_module(&a.value, "sys") => {
                Some(system.platform)
            }
            Expr::Attribute(a) if a.attr.as_str() == "name" && self.is_module(&a.value, "os") => {
                Some(system.name)
            }
            Expr::Call(call) if call.arguments.is_empty() => match &*call.func {
                Expr::Attribute(a) if a.attr.as_str() == "system" && self.is_module(&a.value, "platform") => {
                    Some(system.system)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// `sys.platform.startswith("win")`
    fn system_prefix(&self, call: &ast::ExprCall) -> Option<bool> {
        let (Expr::Attribute(function), [Expr::StringLiteral(prefix)]) = (&*call.func, &*call.arguments.args)
        else {
            return None;
        };
        let actual = self.system_name(&function.value)?;
        (function.attr.as_str() == "startswith").then(|| actual.starts_with(prefix.value.to_str()))
    }

    /// `sys.version_info >= (3, 8)` and its relatives, if the answer is the same for all supported versions.
    fn version_test(&self, left: &Expr, op: CmpOp, right: &Expr) -> Option<bool> {
        let oldest = u64::from(self.oldest.minor());
        let is_info = |e: &Expr| {
            matches!(e, Expr::Attribute(a) if a.attr.as_str() == "version_info" && self.is_module(&a.value, "sys"))
                || matches!(e, Expr::Name(n)
                    if n.id.as_str() == "version_info" && self.is_site("version_info"))
        };
        let major = match left {
            Expr::Attribute(a) => a.attr.as_str() == "major" && is_info(&a.value),
            Expr::Subscript(s) => is_info(&s.value) && number(&s.slice) == Some(0),
            _ => false,
        };
        if major {
            let wanted = number(right)?;
            return match op {
                CmpOp::Eq => Some(wanted == 3),
                CmpOp::NotEq => Some(wanted != 3),
                CmpOp::GtE => Some(3 >= wanted),
                CmpOp::Gt => Some(3 > wanted),
                CmpOp::Lt => Some(3 < wanted),
                CmpOp::LtE => Some(3 <= wanted),
                _ => None,
            };
        }
        // `sys.version_info[:2]` compares like the two numbers, `sys.version_info` has more behind them.
        let pair = match left {
            Expr::Subscript(s) => {
                let Expr::Slice(slice) = &*s.slice else { return None };
                let to = slice.upper.as_deref().and_then(number);
                let from = slice.lower.as_deref().map_or(Some(0), number);
                if !is_info(&s.value) || from != Some(0) || slice.step.is_some() || to != Some(2) {
                    return None;
                }
                true
            }
            other if is_info(other) => false,
            _ => return None,
        };
        let Expr::Tuple(tuple) = right else { return None };
        let wanted: Vec<u64> = tuple.elts.iter().map(number).collect::<Option<_>>()?;
        let (first, second) = (*wanted.first()?, wanted.get(1).copied());
        if first != 3 {
            return match op {
                CmpOp::GtE | CmpOp::Gt => Some(3 > first),
                CmpOp::Lt | CmpOp::LtE => Some(3 < first),
                _ => None,
            };
        }
        let second = second.unwrap_or(0);
        let exact = wanted.len() == 2;
        match op {
            // At least 3.N: certain from N on; with a micro version only above it.
            CmpOp::GtE if wanted.len() <= 2 => (oldest >= second).then_some(true),
            CmpOp::GtE => (oldest > second).then_some(true),
            CmpOp::Gt if exact && !pair => (oldest >= second).then_some(true),
            CmpOp::Gt => (oldest > second).then_some(true),
            CmpOp::Lt if wanted.len() <= 2 => (oldest >= second).then_some(false),
            CmpOp::Lt => (oldest > second).then_some(false),
            CmpOp::LtE if exact && !pair => (oldest >= second).then_some(false),
            CmpOp::LtE => (oldest > second).then_some(false),
            _ => None,
        }
    }

    fn is_module(&self, expr: &Expr, name: &str) -> bool {
        matches!(expr, Expr::Name(n) if n.id.as_str() == name) && self.means_site(name)
    }

    fn is_true_flag(&self, call: &ast::ExprCall) -> bool {
        let (Expr::Name(function), [object, Expr::StringLiteral(attr), ..]) =
            (&*call.func, &*call.arguments.args)
        else {
            return false;
        };
        self.is_builtin_text(function.id.as_str(), "getattr")
            && TRUE_FLAGS.iter().any(|(module, flag)| {
                attr.value.to_str() == *flag && matches!(object, Expr::Name(n) if n.id.as_str() == *module)
            })
    }

    /// `hasattr(typing, "Self")`, if every version that the program runs on has the name.
    fn is_there(&self, call: &ast::ExprCall) -> bool {
        let (Expr::Name(function), [object, Expr::StringLiteral(attr)]) =
            (&*call.func, &*call.arguments.args)
        else {
            return false;
        };
        let module = PORTABLE_MODULES.iter().find(|module| match (object, module.rsplit_once('.')) {
            (Expr::Attribute(sub), Some((package, name))) => {
                sub.attr.as_str() == name && self.is_module(&sub.value, package)
            }
            (object, None) => self.is_module(object, module),
            _ => false,
        });
        let library = Stdlib::new(self.oldest, PythonVersion::NEWEST);
        self.is_builtin_text(function.id.as_str(), "hasattr")
            && module.is_some_and(|module| library.has_attribute(module, attr.value.to_str()) == Has::Yes)
    }

    /// Whether the value depends on the interpreter and the platform only.
    pub fn is_platform(&self, expr: &Expr) -> bool {
        match expr {
            Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::BytesLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NoneLiteral(_) => true,
            Expr::Tuple(tuple) => tuple.elts.iter().all(|e| self.is_platform(e)),
            Expr::List(list) => list.elts.iter().all(|e| self.is_platform(e)),
            Expr::Set(set) => set.elts.iter().all(|e| self.is_platform(e)),
            Expr::UnaryOp(unary) => self.is_platform(&unary.operand),
            Expr::BoolOp(operation) => operation.values.iter().all(|v| self.is_platform(v)),
            Expr::BinOp(operation) => self.is_platform(&operation.left) && self.is_platform(&operation.right),
            Expr::Compare(compare) => {
                self.is_platform(&compare.left) && compare.comparators.iter().all(|c| self.is_platform(c))
            }
            Expr::Subscript(subscript) => {
                self.is_platform(&subscript.value) && self.is_platform(&subscript.slice)
            }
            Expr::Slice(slice) => [&slice.lower, &slice.upper, &slice.step]
                .into_iter()
                .flatten()
                .all(|part| self.is_platform(part)),
            Expr::Name(name) => self.known_condition(name.id.as_str()).is_some(),
            Expr::Attribute(attribute) => {
                !CHANGING.contains(&attribute.attr.as_str())
                    && (PLATFORM_MODULES.iter().any(|m| self.is_module(&attribute.value, m))
                        || self.is_platform(&attribute.value))
            }
            Expr::Call(call) => self.is_platform_call(call),
            _ => false,
        }
    }

    fn is_platform_call(&self, call: &ast::ExprCall) -> bool {
        if !call.arguments.keywords.is_empty() {
            return false;
        }
        let args = &call.arguments.args;
        match &*call.func {
            Expr::Name(name) => {
                let name = name.id.as_str();
                let builtin = |wanted: &&str| self.is_builtin_text(name, wanted);
                if ["hasattr", "getattr"].iter().any(builtin) {
                    return args.first().is_some_and(|object| self.is_imported(object))
                        && args.iter().skip(1).all(|a| self.is_platform(a));
                }
                ["len", "bool", "int", "str", "tuple", "min", "max", "any", "all", "callable"]
                    .iter()
                    .any(builtin)
                    && args.iter().all(|a| self.is_platform(a))
            }
            Expr::Attribute(_) => self.is_platform(&call.func) && args.iter().all(|a| self.is_platform(a)),
            _ => false,
        }
    }

    /// A dotted name whose first part is imported: `xml.parsers.expat`.
    fn is_imported(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Name(name) => self.means_site(name.id.as_str()),
            Expr::Attribute(attribute) => {
                !CHANGING.contains(&attribute.attr.as_str()) && self.is_imported(&attribute.value)
            }
            _ => false,
        }
    }
}

/// The whole number that an expression writes down.
pub(super) fn number(expr: &Expr) -> Option<u64> {
    match expr {
        Expr::NumberLiteral(literal) => match &literal.value {
            Number::Int(int) => int.as_u64(),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a name is false wherever code runs, and true for type checkers.
pub(super) fn is_type_checking(name: &str) -> bool {
    matches!(name, "TYPE_CHECKING" | "MYPY")
}
