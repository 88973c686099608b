//! Values that are written out, and what operators, builtins and methods make of them.

use std::borrow::Cow;
use std::cmp::Ordering;

use ruff_python_ast::{CmpOp, Operator};

use super::files::{joined, parent};
use super::library::{is_no_decimal, is_no_int};

/// A value that is written out.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Text(Cow<'a, str>),
    /// A path, from the folder of the module's file.
    Path(String),
    List(Vec<Self>),
    Tuple(Vec<Self>),
    Set(Vec<Self>),
    Dict(Vec<(Self, Self)>),
}

/// Why something has no value.
pub(super) enum Stop {
    Unknown,
    Fails,
}

pub(super) type Known<'a> = Result<Value<'a>, Stop>;

pub(super) fn firsts(rounds: Vec<Vec<Value<'_>>>) -> Vec<Value<'_>> {
    rounds.into_iter().flatten().collect()
}

pub(super) fn add<'a>(items: &mut Vec<Value<'a>>, item: Value<'a>) {
    if !items.iter().any(|own| own.equals(&item)) {
        items.push(item);
    }
}

pub(super) fn set_of(items: Vec<Value<'_>>) -> Known<'_> {
    let mut set = Vec::new();
    for item in items {
        add(&mut set, item.hashable()?);
    }
    Ok(Value::Set(set))
}

pub(super) fn set_item<'a>(entries: &mut Vec<(Value<'a>, Value<'a>)>, key: Value<'a>, value: Value<'a>) {
    match entries.iter_mut().find(|(own, _)| own.equals(&key)) {
        Some((_, old)) => *old = value,
        None => entries.push((key, value)),
    }
}

pub(super) fn operate<'a>(op: Operator, left: Value<'a>, right: Value<'a>) -> Known<'a> {
    let int = |value: Option<i64>| value.map(Value::Int).ok_or(Stop::Unknown);
    match (op, left, right) {
        (Operator::Div | Operator::FloorDiv | Operator::Mod, Value::Int(_), Value::Int(0)) => {
            Err(Stop::Fails)
        }
        (Operator::Div, Value::Path(path), part) => joined(&path, &[part]),
        (Operator::Add, Value::Path(path), Value::Text(part)) if part.starts_with('/') => {
            joined(&path, &[Value::Text(part[1..].to_owned().into())])
        }
        (Operator::Add, Value::Int(a), Value::Int(b)) => int(a.checked_add(b)),
        (Operator::Sub, Value::Int(a), Value::Int(b)) => int(a.checked_sub(b)),
        (Operator::Mult, Value::Int(a), Value::Int(b)) => int(a.checked_mul(b)),
        (Operator::Add, Value::Text(a), Value::Text(b)) => Ok(Value::Text(format!("{a}{b}").into())),
        (Operator::Add, Value::List(mut a), Value::List(b)) => {
            a.extend(b);
            Ok(Value::List(a))
        }
        (Operator::Add, Value::Tuple(mut a), Value::Tuple(b)) => {
            a.extend(b);
            Ok(Value::Tuple(a))
        }
        // Signs for values, as many as there are.
        (Operator::Mod, Value::Text(text), value) => match (placeholders(&text), value) {
            (Some(count), Value::Tuple(items)) if items.len() != count => Err(Stop::Fails),
            (Some(count), Value::Text(_) | Value::Int(_) | Value::None) if count != 1 => Err(Stop::Fails),
            _ => Err(Stop::Unknown),
        },
        (Operator::Add, Value::Text(_), Value::Int(_) | Value::None)
        | (Operator::Add, Value::Int(_) | Value::None, Value::Text(_)) => Err(Stop::Fails),
        _ => Err(Stop::Unknown),
    }
}

/// How many values a text for `%` takes, if it takes them one after the other.
fn placeholders(text: &str) -> Option<usize> {
    let mut signs = text.chars();
    let mut count = 0;
    while signs.by_ref().any(|sign| sign == '%') {
        match signs.next()? {
            '%' => {}
            's' | 'd' | 'r' | 'i' | 'f' | 'x' | 'a' => count += 1,
            _ => return None,
        }
    }
    Some(count)
}

pub(super) fn compared(op: CmpOp, left: &Value<'_>, right: &Value<'_>) -> Result<bool, Stop> {
    let order = || match (left, right) {
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Ok(a.cmp(b)),
        (Value::Int(_) | Value::None, Value::Text(_)) | (Value::Text(_), Value::Int(_) | Value::None) => {
            Err(Stop::Fails)
        }
        _ => Err(Stop::Unknown),
    };
    match op {
        CmpOp::Eq => Ok(left.equals(right)),
        CmpOp::NotEq => Ok(!left.equals(right)),
        CmpOp::Lt => order().map(Ordering::is_lt),
        CmpOp::LtE => order().map(Ordering::is_le),
        CmpOp::Gt => order().map(Ordering::is_gt),
        CmpOp::GtE => order().map(Ordering::is_ge),
        CmpOp::In => right.contains(left),
        CmpOp::NotIn => right.contains(left).map(|found| !found),
        CmpOp::Is | CmpOp::IsNot => match (left, right) {
            (Value::None, other) | (other, Value::None) => {
                Ok(matches!(other, Value::None) == (op == CmpOp::Is))
            }
            _ => Err(Stop::Unknown),
        },
    }
}

pub(super) fn builtin<'a>(name: &str, mut args: Vec<Value<'a>>) -> Known<'a> {
    let count = |items: Vec<Value<'a>>| i64::try_from(items.len()).map(Value::Int).map_err(|_| Stop::Unknown);
    let mut first = if args.is_empty() { None } else { Some(args.remove(0)) };
    // Where the order does not matter.
    if let (Some(Value::Set(items)), "len" | "any" | "all" | "sorted" | "set" | "frozenset") =
        (&mut first, name)
    {
        first = Some(Value::List(std::mem::take(items)));
    }
    match (name, first, &args[..]) {
        ("set" | "frozenset", None, []) => Ok(Value::Set(Vec::new())),
        ("list", None, []) => Ok(Value::List(Vec::new())),
        ("dict", None, []) => Ok(Value::Dict(Vec::new())),
        ("tuple", None, []) => Ok(Value::Tuple(Vec::new())),
        ("len", Some(Value::Text(text)), []) => {
            i64::try_from(text.chars().count()).map(Value::Int).map_err(|_| Stop::Unknown)
        }
        ("len", Some(value), []) => value.items().and_then(count),
        ("int", Some(Value::Int(int)), []) => Ok(Value::Int(int)),
        ("int", Some(Value::None), []) => Err(Stop::Fails),
        ("int", Some(Value::Text(text)), []) => match text.parse() {
            Ok(int) => Ok(Value::Int(int)),
            Err(_) if is_no_int(&text) => Err(Stop::Fails),
            Err(_) => Err(Stop::Unknown),
        },
        ("float", Some(Value::Text(text)), []) if is_no_decimal(&text) => Err(Stop::Fails),
        ("max" | "min", Some(value), []) => match value {
            Value::Text(text) if !text.is_empty() => Err(Stop::Unknown),
            Value::Text(_) => Err(Stop::Fails),
            value if !value.truth() => Err(Stop::Fails),
            _ => Err(Stop::Unknown),
        },
        ("bool", Some(value), []) => Ok(Value::Bool(value.truth())),
        ("list", Some(value), []) => value.items().map(Value::List),
        ("tuple", Some(value), []) => value.items().map(Value::Tuple),
        ("set" | "frozenset", Some(value), []) => value.items().and_then(set_of),
        ("dict", Some(Value::Dict(entries)), []) => Ok(Value::Dict(entries)),
        ("any", Some(value), []) => Ok(Value::Bool(value.items()?.iter().any(Value::truth))),
        ("all", Some(value), []) => Ok(Value::Bool(value.items()?.iter().all(Value::truth))),
        ("sorted", Some(value), []) => {
            let mut items = value.items()?;
            let mut texts: Vec<&str> = Vec::new();
            for item in &items {
                let Value::Text(text) = item else { return Err(Stop::Unknown) };
                texts.push(text);
            }
            items.sort_by(|a, b| match (a, b) {
                (Value::Text(a), Value::Text(b)) => a.cmp(b),
                _ => Ordering::Equal,
            });
            Ok(Value::List(items))
        }
        ("range", Some(Value::Int(end)), []) if (0..1000).contains(&end) => {
            Ok(Value::List((0..end).map(Value::Int).collect()))
        }
        ("enumerate", Some(value), []) => {
            let pair = |(index, item)| Value::Tuple(vec![Value::Int(index), item]);
            Ok(Value::List((0..).zip(value.items()?).map(pair).collect()))
        }
        ("zip", Some(value), [other]) => {
            let pairs = value.items()?.into_iter().zip(other.clone().items()?);
            Ok(Value::List(pairs.map(|(a, b)| Value::Tuple(vec![a, b])).collect()))
        }
        _ => Err(Stop::Unknown),
    }
}

impl<'a> Value<'a> {
    pub fn truth(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(truth) => *truth,
            Self::Int(int) => *int != 0,
            Self::Text(text) => !text.is_empty(),
            Self::Path(_) => true,
            Self::List(items) | Self::Tuple(items) | Self::Set(items) => !items.is_empty(),
            Self::Dict(entries) => !entries.is_empty(),
        }
    }

    pub fn is_immutable(&self) -> bool {
        match self {
            Self::None | Self::Bool(_) | Self::Int(_) | Self::Text(_) | Self::Path(_) => true,
            Self::Tuple(items) => items.iter().all(Self::is_immutable),
            Self::List(_) | Self::Set(_) | Self::Dict(_) => false,
        }
    }

    /// The value, if it can be a key.
    pub fn hashable(self) -> Known<'a> {
        if self.is_immutable() { Ok(self) } else { Err(Stop::Fails) }
    }

    fn equals(&self, other: &Self) -> bool {
        let number = |value: &Self| match value {
            Self::Int(int) => Some(*int),
            Self::Bool(truth) => Some(i64::from(*truth)),
            _ => None,
        };
        let same = |a: &[Self], b: &[Self]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals(b));
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => same(a, b),
            (Self::Set(a), Self::Set(b)) => {
                a.len() == b.len() && a.iter().all(|item| b.iter().any(|other| other.equals(item)))
            }
            (Self::Dict(a), Self::Dict(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, value)| b.iter().any(|(k, v)| k.equals(key) && v.equals(value)))
            }
            (a, b) => number(a).zip(number(b)).is_some_and(|(a, b)| a == b),
        }
    }

    /// What going through the value gives.
    pub fn items(self) -> Result<Vec<Self>, Stop> {
        match self {
            Self::List(items) | Self::Tuple(items) => Ok(items),
            // In which order is not known.
            Self::Set(items) if items.len() > 1 => Err(Stop::Unknown),
            Self::Set(items) => Ok(items),
            Self::Dict(entries) => Ok(entries.into_iter().map(|(key, _)| key).collect()),
            Self::None | Self::Bool(_) | Self::Int(_) => Err(Stop::Fails),
            Self::Text(_) | Self::Path(_) => Err(Stop::Unknown),
        }
    }

    pub fn item(self, key: &Self) -> Known<'a> {
        match (self, key) {
            (Self::Dict(entries), key) => entries
                .into_iter()
                .find(|(own, _)| own.equals(key))
                .map(|(_, value)| value)
                .ok_or(Stop::Fails),
            (Self::List(mut items) | Self::Tuple(mut items), Self::Int(index)) => {
                let length = i64::try_from(items.len()).map_err(|_| Stop::Unknown)?;
                let index = if *index < 0 { index + length } else { *index };
                if !(0..length).contains(&index) {
                    return Err(Stop::Fails);
                }
                Ok(items.swap_remove(usize::try_from(index).map_err(|_| Stop::Unknown)?))
            }
            _ => Err(Stop::Unknown),
        }
    }

    fn contains(&self, item: &Self) -> Result<bool, Stop> {
        match self {
            Self::List(items) | Self::Tuple(items) | Self::Set(items) => {
                Ok(items.iter().any(|own| own.equals(item)))
            }
            Self::Dict(entries) => Ok(entries.iter().any(|(key, _)| key.equals(item))),
            Self::Text(text) => match item {
                Self::Text(part) => Ok(text.contains(&**part)),
                _ => Err(Stop::Unknown),
            },
            Self::Path(_) => Err(Stop::Unknown),
            Self::None | Self::Bool(_) | Self::Int(_) => Err(Stop::Fails),
        }
    }

    pub fn method(self, name: &str, args: &[Self]) -> Known<'a> {
        match (self, name, args) {
            (Self::Path(path), "resolve" | "absolute", []) => Ok(Self::Path(path)),
            (Self::Path(path), "joinpath", parts) => joined(&path, parts),
            (Self::Path(path), "with_name", [name]) => match parent(&path)? {
                Self::Path(folder) => joined(&folder, std::slice::from_ref(name)),
                _ => Err(Stop::Unknown),
            },
            (Self::Dict(entries), "get", [key, rest @ ..]) if rest.len() < 2 => {
                let found = entries.into_iter().find(|(own, _)| own.equals(key)).map(|(_, value)| value);
                Ok(found.or_else(|| rest.first().cloned()).unwrap_or(Self::None))
            }
            (Self::Dict(entries), "keys", []) => {
                Ok(Self::List(entries.into_iter().map(|(key, _)| key).collect()))
            }
            (Self::Dict(entries), "values", []) => {
                Ok(Self::List(entries.into_iter().map(|(_, value)| value).collect()))
            }
            (Self::Dict(entries), "items", []) => {
                let pair = |(key, value)| Self::Tuple(vec![key, value]);
                Ok(Self::List(entries.into_iter().map(pair).collect()))
            }
            (Self::Text(text), "split", [Self::Text(separator)]) if !separator.is_empty() => {
                let part = |part: &str| Self::Text(part.to_owned().into());
                Ok(Self::List(text.split(&**separator).map(part).collect()))
            }
            (Self::Text(text), "split", []) if text.is_ascii() => {
                let part = |part: &str| Self::Text(part.to_owned().into());
                Ok(Self::List(text.split_ascii_whitespace().map(part).collect()))
            }
            (Self::Text(text), "strip", []) if text.is_ascii() => {
                Ok(Self::Text(text.trim_ascii().to_owned().into()))
            }
            (Self::Text(text), "index", [Self::Text(part)]) if !text.contains(&**part) => Err(Stop::Fails),
            (Self::List(items) | Self::Tuple(items), "index", [item])
                if !items.iter().any(|own| own.equals(item)) =>
            {
                Err(Stop::Fails)
            }
            (Self::Text(text), "upper", []) if text.is_ascii() => Ok(Self::Text(text.to_uppercase().into())),
            (Self::Text(text), "lower", []) if text.is_ascii() => Ok(Self::Text(text.to_lowercase().into())),
            (Self::Text(text), "startswith", [Self::Text(start)]) => {
                Ok(Self::Bool(text.starts_with(&**start)))
            }
            (Self::Text(text), "endswith", [Self::Text(end)]) => Ok(Self::Bool(text.ends_with(&**end))),
            _ => Err(Stop::Unknown),
        }
    }
}
