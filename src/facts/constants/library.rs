//! Functions of the library that refuse what is written out.
//!
//! ```python
//! TOKEN = re.compile(r"(\w+")                # a parenthesis is not closed
//! DEFAULTS = json.loads("{'port': 80}")      # quotation marks that JSON has not
//! EPOCH = datetime.strptime("2020-13-01", "%Y-%m-%d")
//! ```
//!
//! Only what every Python refuses counts. What is not sure, is fine.

use ruff_python_ast::{self as ast, Expr, Stmt};

use super::patterns;
use super::value::Value;
use crate::facts::binding::bound_by_alias;

/// The last names of the functions that are known here.
pub(super) fn is_known(name: &str) -> bool {
    matches!(
        name,
        "compile"
            | "match"
            | "fullmatch"
            | "search"
            | "findall"
            | "finditer"
            | "split"
            | "sub"
            | "subn"
            | "loads"
            | "literal_eval"
            | "Decimal"
            | "Fraction"
            | "UUID"
            | "Struct"
            | "calcsize"
            | "pack"
            | "unpack"
            | "ip_address"
            | "ip_network"
            | "IPv4Address"
            | "IPv4Network"
            | "namedtuple"
            | "TypeVar"
            | "strptime"
            | "fromisoformat"
            | "datetime"
            | "date"
    )
}

/// The name of the function that is called, without what stands before it.
pub(super) fn last_name(callee: &Expr) -> Option<&str> {
    match callee {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        _ => None,
    }
}

/// Whether a call of a library function is refused for what it is given. Arguments that are not known are `None`.
pub(super) fn is_refused(call: &ast::ExprCall, args: &[Option<Value<'_>>], body: &[Stmt]) -> bool {
    let Some(name) = last_name(&call.func) else { return false };
    let plain = call.arguments.keywords.is_empty();
    if call.arguments.args.iter().any(Expr::is_starred_expr) {
        return false;
    }
    refusing(name, args, plain).is_some_and(|module| is_function_of(&call.func, module, body))
}

/// The module whose function of this name refuses the arguments. `plain` says that there are no others, with names.
fn refusing(name: &str, args: &[Option<Value<'_>>], plain: bool) -> Option<&'static str> {
    let text = |index: usize| match args.get(index) {
        Some(Some(Value::Text(text))) => Some(&**text),
        _ => None,
    };
    let found = |refused: bool, module| refused.then_some(module);
    match name {
        "compile" | "match" | "fullmatch" | "search" | "findall" | "finditer" | "split" | "sub" | "subn" => {
            let pattern = text(0)?;
            let without_flags = match name {
                "compile" => 1,
                "sub" | "subn" => 3,
                _ => 2,
            };
            // Flags may say that spaces and comments do not count.
            let flags = !plain || args.len() > without_flags;
            let refused =
                patterns::is_refused(pattern, false) && (!flags || patterns::is_refused(pattern, true));
            found(refused, "re")
        }
        "loads" => found(plain && is_no_json(text(0)?), "json"),
        "literal_eval" => found(is_no_literal(text(0)?), "ast"),
        "Decimal" => found(is_no_decimal(text(0)?), "decimal"),
        "Fraction" => found(args.len() == 1 && plain && is_no_fraction(text(0)?), "fractions"),
        "UUID" => found(args.len() == 1 && plain && is_no_uuid(text(0)?), "uuid"),
        "Struct" | "calcsize" | "pack" | "unpack" => found(is_no_format(text(0)?), "struct"),
        "ip_address" | "IPv4Address" => found(is_no_address(text(0)?, name == "ip_address"), "ipaddress"),
        "ip_network" | "IPv4Network" => {
            found(args.len() == 1 && plain && is_no_network(text(0)?, name == "ip_network"), "ipaddress")
        }
        "namedtuple" => found(plain && args.len() == 2 && has_bad_names(args), "collections"),
        // One constraint is none.
        "TypeVar" => found(args.len() == 2, "typing"),
        "strptime" => found(!fits_format(text(0)?, text(1)?), "datetime.datetime"),
        "fromisoformat" => {
            let is_date = |text: &str| text.len() == 10 && text.is_ascii() && text.as_bytes()[4] == b'-';
            let text = text(0)?;
            let refused = is_date(text) && !fits_format(text, "%Y-%m-%d") || text.contains('/');
            found(refused, "datetime.datetime").or_else(|| found(refused, "datetime.date"))
        }
        "datetime" | "date" => {
            let number = |index: usize| match args.get(index) {
                Some(Some(Value::Int(number))) => Some(*number),
                _ => None,
            };
            found(!is_day(number(0)?, number(1)?, number(2)?), "datetime")
        }
        _ => None,
    }
}

/// Whether what is called is this module's function, by the imports of the module.
pub(super) fn is_function_of(callee: &Expr, module: &str, body: &[Stmt]) -> bool {
    let mut path = String::new();
    let mut rest = callee;
    while let Expr::Attribute(attribute) = rest {
        path = format!(".{}{path}", attribute.attr);
        rest = &attribute.value;
    }
    let Expr::Name(root) = rest else { return false };
    let name = last_name(callee).unwrap_or_default();
    let is_it = |full: &str| {
        let whole = format!("{full}{path}");
        let same =
            |module: &str| whole.strip_prefix(module).and_then(|rest| rest.strip_prefix('.')) == Some(name);
        // Both classes of `datetime` have it.
        same(module) || name == "fromisoformat" && (same("datetime.date") || same("datetime.datetime"))
    };
    body.iter().any(|stmt| match stmt {
        Stmt::Import(import) => import.names.iter().any(|alias| {
            let full = if alias.asname.is_some() { alias.name.as_str() } else { root.id.as_str() };
            bound_by_alias(alias, false) == root.id.as_str() && is_it(full)
        }),
        Stmt::ImportFrom(import) if import.level == 0 => import.names.iter().any(|alias| {
            let from = import.module.as_deref().unwrap_or_default();
            bound_by_alias(alias, true) == root.id.as_str() && is_it(&format!("{from}.{}", alias.name))
        }),
        _ => false,
    })
}

fn is_no_json(text: &str) -> bool {
    // What Python takes, and others do not.
    if ["NaN", "Infinity", "\\u"].iter().any(|own| text.contains(own)) {
        return false;
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => false,
        Err(error) => {
            let message = error.to_string();
            !message.contains("out of range") && !message.contains("recursion")
        }
    }
}

fn is_no_literal(text: &str) -> bool {
    match ruff_python_parser::parse_expression(text.trim_start_matches([' ', '\t'])) {
        Ok(parsed) => matches!(&*parsed.syntax().body, Expr::Name(_) | Expr::Attribute(_) | Expr::Lambda(_)),
        Err(_) => true,
    }
}

/// Whether a text is digits with a point and an exponent.
fn is_number(text: &str) -> bool {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let exponent = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    digits(whole)
        && digits(part)
        && whole.len() + part.len() > 0
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

/// Whether no number with a point is written in a text.
pub(super) fn is_no_decimal(text: &str) -> bool {
    if !text.is_ascii() {
        return false;
    }
    let text = text.trim().replace('_', "").to_ascii_lowercase();
    let text = text.strip_prefix(['+', '-']).unwrap_or(&text);
    !matches!(text, "inf" | "infinity")
        && !text.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with("nan")
        && !is_number(text)
}

/// Whether no whole number is written in a text.
pub(super) fn is_no_int(text: &str) -> bool {
    let text = text.trim();
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    text.is_ascii()
        && !text.split('_').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

fn is_no_fraction(text: &str) -> bool {
    text.trim().is_empty()
        || text.bytes().any(|b| b.is_ascii_alphabetic() && !b.eq_ignore_ascii_case(&b'e') || b == b',')
}

fn is_no_uuid(text: &str) -> bool {
    let text = text.replace("urn:", "").replace("uuid:", "");
    let text = text.trim_matches(['{', '}']).replace('-', "");
    text.is_ascii()
        && (text.len() != 32 || text.bytes().any(|b| b.is_ascii_alphanumeric() && !b.is_ascii_hexdigit()))
}

fn is_no_format(text: &str) -> bool {
    let (standard, codes) = match text.strip_prefix(['@', '=', '<', '>', '!']) {
        Some(rest) => (!text.starts_with('@'), rest),
        None => (false, text),
    };
    let mut count = false;
    for code in codes.chars() {
        match code {
            '0'..='9' => count = true,
            ' ' | '\t' | '\n' | '\r' if !count => {}
            'n' | 'N' | 'P' if standard => return true,
            // Complex numbers are new.
            'F' | 'D' => return false,
            _ if "xcbB?hHiIlLqQnNefdspP".contains(code) => count = false,
            _ => return true,
        }
    }
    count
}

fn is_no_address(text: &str, any: bool) -> bool {
    if any && text.contains(':') {
        return !text.contains('%') && text.parse::<std::net::Ipv6Addr>().is_err();
    }
    // Zeros in front are refused by some.
    let zeros = text.split('.').any(|part| part.len() > 1 && part.starts_with('0'));
    text.is_ascii() && !zeros && text.parse::<std::net::Ipv4Addr>().is_err()
}

fn is_no_network(text: &str, any: bool) -> bool {
    if any && text.contains(':') {
        return false;
    }
    let Some((address, mask)) = text.split_once('/') else { return is_no_address(text, false) };
    if is_no_address(address, false) {
        return true;
    }
    let (Ok(address), Ok(bits)) = (address.parse::<std::net::Ipv4Addr>(), mask.parse::<u32>()) else {
        return false;
    };
    // What lies behind the mask has to be zero.
    bits > 32 || bits < 32 && u32::from(address) << bits != 0
}

/// Whether the names of a named tuple cannot be such.
fn has_bad_names(args: &[Option<Value<'_>>]) -> bool {
    let fields: Vec<String> = match &args[1] {
        Some(Value::Text(text)) => text.replace(',', " ").split_whitespace().map(str::to_owned).collect(),
        Some(Value::List(items) | Value::Tuple(items)) => {
            let text = |item: &Value<'_>| match item {
                Value::Text(text) => Some(text.to_string()),
                _ => None,
            };
            match items.iter().map(text).collect() {
                Some(fields) => fields,
                None => return false,
            }
        }
        _ => return false,
    };
    let is_bad = |(index, field): (usize, &String)| {
        field.starts_with('_')
            || is_keyword(field)
            || field.is_ascii() && !is_identifier(field)
            || fields[..index].contains(field)
    };
    fields.iter().enumerate().any(is_bad)
}

fn is_identifier(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.bytes().all(word) && !text.starts_with(|c: char| c.is_ascii_digit()) && !text.is_empty()
}

fn is_keyword(text: &str) -> bool {
    matches!(
        text,
        "False"
            | "None"
            | "True"
            | "and"
            | "as"
            | "assert"
            | "async"
            | "await"
            | "break"
            | "class"
            | "continue"
            | "def"
            | "del"
            | "elif"
            | "else"
            | "except"
            | "finally"
            | "for"
            | "from"
            | "global"
            | "if"
            | "import"
            | "in"
            | "is"
            | "lambda"
            | "nonlocal"
            | "not"
            | "or"
            | "pass"
            | "raise"
            | "return"
            | "try"
            | "while"
            | "with"
            | "yield"
    )
}

/// Whether there is such a day.
fn is_day(year: i64, month: i64, day: i64) -> bool {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=9999).contains(&year) && (1..=last).contains(&day)
}

/// Whether a text has a time in this format. Of formats with something else than plain numbers between other signs nothing is known.
fn fits_format(text: &str, format: &str) -> bool {
    let (mut text, mut rest) = (text, format);
    let (mut year, mut month, mut day) = (1900, 1, 1);
    while let Some(sign) = rest.chars().next() {
        rest = &rest[sign.len_utf8()..];
        if sign != '%' {
            if !sign.is_ascii_alphanumeric() && !"-/:.,_".contains(sign) {
                return true;
            }
            match text.strip_prefix(sign) {
                Some(after) => text = after,
                None => return !text.is_ascii() || sign.is_alphabetic(),
            }
            continue;
        }
        let Some(code) = rest.chars().next() else { return true };
        rest = &rest[code.len_utf8()..];
        let (most, longest) = match code {
            'Y' => (9999, 4),
            'm' => (12, 2),
            'd' => (31, 2),
            'H' => (23, 2),
            'M' => (59, 2),
            'S' => (61, 2),
            _ => return true,
        };
        if rest.starts_with(|c: char| c.is_ascii_digit() || c == '%') {
            return true;
        }
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let Ok(number) = text[..end].parse::<i64>() else { return !text.is_ascii() || text.starts_with(' ') };
        if end > longest || number > most || code == 'Y' && end != 4 {
            return false;
        }
        match code {
            'Y' => year = number,
            'm' => month = number,
            'd' => day = number,
            _ => {}
        }
        text = &text[end..];
    }
    text.is_empty() && is_day(year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_refuses() {
        assert!(is_no_json("{'a': 1}") && is_no_json("[1,]") && is_no_json(""));
        assert!(
            !is_no_json(" {\"a\": [1, null, NaN]}") && !is_no_json("1e999") && !is_no_json("\"\\ud800\"")
        );
        assert!(is_no_literal("[1, 2") && is_no_literal("port") && !is_no_literal(" {'a': -1}"));
        assert!(is_no_decimal("1,5") && is_no_decimal("") && is_no_decimal("ten"));
        assert!(
            !is_no_decimal(" -1.5e3 ")
                && !is_no_decimal("Infinity")
                && !is_no_decimal("nan")
                && !is_no_decimal(".5")
        );
        assert!(is_no_int("0rc1") && is_no_int("") && is_no_int("1.0") && !is_no_int(" +1_000 "));
        assert!(is_no_uuid("6ba7b810-9dad-11d1") && !is_no_uuid("{6ba7b810-9dad-11d1-80b4-00c04fd430c8}"));
        assert!(is_no_format(">Iy") && is_no_format("4") && is_no_format("<n") && !is_no_format("<4sIx 2H"));
        assert!(is_no_network("10.0.0.1/8", true) && !is_no_network("10.0.0.0/8", true));
        assert!(
            !is_no_network("0.0.0.0/0", true)
                && !is_no_network("10.0.0.1", true)
                && !is_no_network("::/0", true)
        );
        assert!(
            is_no_address("10.0.0.256", true) && !is_no_address("::1", true) && is_no_address("local", true)
        );
        assert!(!fits_format("2020-13-01", "%Y-%m-%d") && !fits_format("2021-02-29", "%Y-%m-%d"));
        assert!(
            fits_format("2020-2-29", "%Y-%m-%d") && fits_format("1 May", "%d %b") && !fits_format("20", "%Y")
        );
    }
}
