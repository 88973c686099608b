//! Methods of texts and templates that ask objects for what they are as a text, for their items and attributes.
//!
//! ```python
//! "{} of {0.name}".format(order)
//! " ".join(words)
//! Template("$size").substitute(sizes)
//! ```

use ruff_text_size::TextSize;
use smallvec::smallvec;

use super::{Abs, AbsSet, Interpreter};
use crate::facts::{Sym, Value, ValueId};
use crate::program::{ModuleId, tables};

/// What a call gives, by position and by name.
type Given<'a> = (&'a [AbsSet], &'a [(Sym, AbsSet)]);

impl Interpreter<'_> {
    /// A method is called that may be one of a text.
    pub(super) fn text_made(
        &mut self,
        (module, text, method): (ModuleId, ValueId, Sym),
        callees: &AbsSet,
        (args, keywords): Given<'_>,
        place: (ModuleId, TextSize),
    ) {
        let named = || keywords.iter().map(|(_, set)| set);
        // `"{} of {}".format(a, b)`
        if method == "format"
            && let [Abs::Fresh | Abs::Bound(..)] = callees[..]
        {
            args.iter().chain(named()).flatten().for_each(|abs| self.formatted(abs));
            if let Value::Str(template) = self.code(module).value(text)
                && template.as_str().contains('.')
            {
                self.fields_formatted(template.as_str(), (args, keywords));
            }
        }
        // `" ".join(sys.argv)`
        if method == "join"
            && let Some(set) = args.first()
        {
            self.looked_at(set);
            for abs in set {
                let _ = self.special(abs, "__iter__", &[]) && self.special(abs, "__next__", &[]);
                self.gone_through(abs, place);
            }
        }
        // `"{size}".format_map(Sizes())`, `Template("$size").substitute(Sizes())`
        if tables::TAKES_ITEMS.contains(&method.as_str()) {
            let key: [AbsSet; 1] = [smallvec![Abs::Unknown]];
            for abs in args.first().into_iter().flatten() {
                let _ = self.special(abs, "__missing__", &key) || self.special(abs, "__getitem__", &key);
            }
            named().flatten().for_each(|abs| self.formatted(abs));
        }
    }

    /// `"{0.name}".format(order)`
    fn fields_formatted(&mut self, template: &str, (args, keywords): Given<'_>) {
        let fields = template.split('{').skip(1).filter_map(|part| part.split(['}', ':', '!']).next());
        let objects = args.iter().chain(keywords.iter().map(|(_, set)| set)).flatten();
        let objects: AbsSet = objects.filter(|abs| matches!(abs, Abs::Instance(..))).cloned().collect();
        let outer = self.path;
        self.path.conditional = true;
        for attr in fields.filter_map(|field| field.split('.').nth(1)) {
            let attr = Sym::new(attr.split('[').next().unwrap_or(attr));
            for abs in &objects {
                self.attr(abs, attr);
            }
        }
        self.path = outer;
    }
}
