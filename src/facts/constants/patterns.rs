//! Regular expressions that every Python refuses.

use std::iter::Peekable;
use std::str::Chars;

/// Why reading a pattern ends.
enum End {
    /// It is refused.
    Refused,
    /// It has something of which it is not known what every Python makes of it.
    Unsure,
}

type Read<T = ()> = Result<T, End>;

/// What stands before a sign of repetition.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Nothing,
    Item,
    Repeated,
}

/// Whether a pattern is refused; `verbose` says that spaces and comments in it do not count.
pub(super) fn is_refused(pattern: &str, verbose: bool) -> bool {
    let groups = Vec::new();
    let mut reader =
        Reader { rest: pattern.chars().peekable(), verbose, groups, names: Vec::new(), depth: 0 };
    match reader.alternatives() {
        Ok(()) => reader.rest.peek().is_some(),
        Err(End::Refused) => true,
        Err(End::Unsure) => false,
    }
}

struct Reader<'p> {
    rest: Peekable<Chars<'p>>,
    verbose: bool,
    /// The groups that have begun, and whether they have ended.
    groups: Vec<bool>,
    names: Vec<String>,
    depth: u32,
}

impl Reader<'_> {
    /// Up to the end or a closing parenthesis.
    fn alternatives(&mut self) -> Read {
        self.depth += 1;
        if self.depth > 50 {
            return Err(End::Unsure);
        }
        self.sequence()?;
        while self.rest.next_if_eq(&'|').is_some() {
            self.sequence()?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn sequence(&mut self) -> Read {
        let mut last = Last::Nothing;
        while let Some(&sign) = self.rest.peek() {
            if matches!(sign, '|' | ')') {
                break;
            }
            self.rest.next();
            match sign {
                ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' if self.verbose => {}
                '#' if self.verbose => while self.rest.next().is_some_and(|sign| sign != '\n') {},
                '*' | '+' | '?' => last = self.repeated(last)?,
                '{' => last = if self.count()? { self.repeated(last)? } else { Last::Item },
                '\\' => {
                    self.escape(false)?;
                    last = Last::Item;
                }
                '[' => {
                    self.set()?;
                    last = Last::Item;
                }
                '(' => {
                    self.group()?;
                    last = Last::Item;
                }
                _ => last = Last::Item,
            }
        }
        Ok(())
    }

    fn repeated(&mut self, last: Last) -> Read<Last> {
        if last != Last::Item {
            return Err(End::Refused);
        }
        // Not before 3.11.
        if self.rest.peek() == Some(&'+') {
            return Err(End::Unsure);
        }
        self.rest.next_if_eq(&'?');
        Ok(Last::Repeated)
    }

    /// What follows a brace: whether that is a number of repetitions.
    fn count(&mut self) -> Read<bool> {
        let mut ahead = self.rest.clone();
        let text: String = ahead.by_ref().take_while(|&sign| sign != '}').collect();
        let closed = self.rest.clone().any(|sign| sign == '}');
        let (least, most) = text.split_once(',').unwrap_or((&text, &text));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if !closed || text.is_empty() || !digits(least) || !digits(most) {
            return Ok(false);
        }
        if let (Ok(least), Ok(most)) = (least.parse::<u64>(), most.parse::<u64>())
            && least > most
        {
            return Err(End::Refused);
        }
        self.rest = ahead;
        Ok(true)
    }

    /// What follows a backslash. Gives the sign, if it stands for one.
    fn escape(&mut self, in_set: bool) -> Read<Option<char>> {
        let sign = self.rest.next().ok_or(End::Refused)?;
        let digits = match sign {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '0' => return Ok(None),
            '1'..='9' if in_set => return Err(End::Unsure),
            '1'..='9' => {
                let mut number = u32::from(sign) - u32::from('0');
                if let Some(next) = self.rest.next_if(char::is_ascii_digit) {
                    number = number * 10 + u32::from(next) - u32::from('0');
                    // Three digits are an octal number.
                    if self.rest.peek().is_some_and(char::is_ascii_digit) {
                        return Err(End::Unsure);
                    }
                }
                let ended = self.groups.get(number as usize - 1).copied();
                return if ended == Some(true) { Ok(None) } else { Err(End::Refused) };
            }
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => return Ok(None),
            'b' | 'a' | 'f' | 'n' | 'r' | 't' | 'v' => return Ok(None),
            'A' | 'Z' | 'B' if !in_set => return Ok(None),
            // Not in every Python.
            'N' | 'z' => return Err(End::Unsure),
            _ if sign.is_ascii_alphabetic() => return Err(End::Refused),
            _ => return Ok(Some(sign)),
        };
        for _ in 0..digits {
            self.rest.next_if(char::is_ascii_hexdigit).ok_or(End::Refused)?;
        }
        Ok(None)
    }

    fn set(&mut self) -> Read {
        self.rest.next_if_eq(&'^');
        let mut first = true;
        loop {
            let sign = self.rest.next().ok_or(End::Refused)?;
            if sign == ']' && !first {
                return Ok(());
            }
            first = false;
            let low = if sign == '\\' { self.escape(true)? } else { Some(sign) };
            if self.rest.peek() != Some(&'-') {
                continue;
            }
            self.rest.next();
            match self.rest.next().ok_or(End::Refused)? {
                ']' => return Ok(()),
                '\\' => {
                    self.escape(true)?;
                }
                high if low.is_some_and(|low| low > high) => return Err(End::Refused),
                _ => {}
            }
        }
    }

    /// What follows an opening parenthesis.
    fn group(&mut self) -> Read {
        let mut number = None;
        if self.rest.next_if_eq(&'?').is_none() {
            number = Some(self.groups.len());
        } else {
            match self.rest.next().ok_or(End::Refused)? {
                ':' | '=' | '!' => {}
                '<' => match self.rest.next().ok_or(End::Refused)? {
                    '=' | '!' => {}
                    _ => return Err(End::Refused),
                },
                'P' => match self.rest.next().ok_or(End::Refused)? {
                    '<' => {
                        let name = self.name('>')?;
                        if self.names.contains(&name) {
                            return Err(End::Refused);
                        }
                        self.names.push(name);
                        number = Some(self.groups.len());
                    }
                    '=' => {
                        let name = self.name(')')?;
                        return if self.names.contains(&name) { Ok(()) } else { Err(End::Refused) };
                    }
                    _ => return Err(End::Refused),
                },
                '#' => {
                    return if self.rest.any(|sign| sign == ')') { Ok(()) } else { Err(End::Refused) };
                }
                // Flags, conditions, what is not in every Python.
                'a' | 'i' | 'L' | 'm' | 's' | 'u' | 'x' | '-' | '(' | '>' => return Err(End::Unsure),
                _ => return Err(End::Refused),
            }
        }
        if number.is_some() {
            self.groups.push(false);
        }
        self.alternatives()?;
        self.rest.next().ok_or(End::Refused)?;
        if let Some(number) = number {
            self.groups[number] = true;
        }
        Ok(())
    }

    fn name(&mut self, end: char) -> Read<String> {
        let mut name = String::new();
        loop {
            let sign = self.rest.next().ok_or(End::Refused)?;
            if sign == end {
                break;
            }
            name.push(sign);
        }
        let is_word = |sign: char| sign.is_alphanumeric() || sign == '_';
        let starts = name.starts_with(|sign: char| !sign.is_ascii_digit());
        if starts && name.chars().all(is_word) { Ok(name) } else { Err(End::Refused) }
    }
}

#[cfg(test)]
mod tests {
    use super::is_refused;

    #[test]
    fn patterns_that_are_refused() {
        let refused = [
            "(",
            ")",
            "a)",
            "[a",
            "[]",
            "*a",
            "a|*",
            "a**",
            "a+*",
            "a???",
            "(*a)",
            "\\",
            "\\y",
            "[\\y]",
            "[z-a]",
            "\\1",
            "(a)\\2",
            "(\\1)",
            "(?P<n>a)(?P<n>b)",
            "(?P<1>a)",
            "(?P<n",
            "(?P=n)",
            "a{3,2}",
            "(?<n>a)",
            "\\x1",
            "(?#a",
            "(?",
            "(?%a)",
        ];
        for pattern in refused {
            assert!(is_refused(pattern, false), "{pattern}");
        }
        let fine = [
            "",
            "a|b|",
            "(a)|(b)",
            "[]a]",
            "[^]a]",
            "[a-]",
            "[\\w-]",
            "a{",
            "a{,3}",
            "a{2}?",
            "a{x}",
            "{",
            "a*?",
            "a??",
            "(a)\\1",
            "(?P<n>a)(?P=n)",
            "(?i)a(",
            "(?:a)*",
            "(?<=a)b",
            "(?<!a)",
            "(?=a)",
            "[(]",
            "\\(",
            "(?#a)b",
            "\\.\\d+\\Z",
            "\\x41",
            "[a\\]b]",
            "()*",
            "(?x) ( # )",
            "\\-\\/",
            "[\\-a]",
            "a++",
            "^*",
        ];
        for pattern in fine {
            assert!(!is_refused(pattern, false), "{pattern}");
        }
        assert!(
            !is_refused("a # (\n b", true) && is_refused("a # (\n b", false) && is_refused("( # )", true)
        );
    }
}
