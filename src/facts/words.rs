//! Names that the walk knows: their numbers are fixed, so that meeting one costs no look-up and comparing is comparing numbers.

use std::sync::LazyLock;

use super::Sym;
use super::sym::Key;

macro_rules! words {
    ($($name:ident = $text:literal),* $(,)?) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, clippy::enum_variant_names)]
        enum Number { $($name),* }
        $(pub(crate) const $name: Sym = Sym::fixed(Number::$name as u32);)*
        /// The words, in the order of their numbers.
        pub(crate) const TEXTS: &[&str] = &[$($text),*];
    };
}

words! {
    EMPTY = "",
    // Special methods, in the order of `ast::Operator`.
    ADD = "__add__",
    RADD = "__radd__",
    SUB = "__sub__",
    RSUB = "__rsub__",
    MUL = "__mul__",
    RMUL = "__rmul__",
    MATMUL = "__matmul__",
    RMATMUL = "__rmatmul__",
    TRUEDIV = "__truediv__",
    RTRUEDIV = "__rtruediv__",
    MOD = "__mod__",
    RMOD = "__rmod__",
    POW = "__pow__",
    RPOW = "__rpow__",
    LSHIFT = "__lshift__",
    RLSHIFT = "__rlshift__",
    RSHIFT = "__rshift__",
    RRSHIFT = "__rrshift__",
    OR = "__or__",
    ROR = "__ror__",
    XOR = "__xor__",
    RXOR = "__rxor__",
    AND = "__and__",
    RAND = "__rand__",
    FLOORDIV = "__floordiv__",
    RFLOORDIV = "__rfloordiv__",
    // Assigning operators, in the same order.
    IADD = "__iadd__",
    ISUB = "__isub__",
    IMUL = "__imul__",
    IMATMUL = "__imatmul__",
    ITRUEDIV = "__itruediv__",
    IMOD = "__imod__",
    IPOW = "__ipow__",
    ILSHIFT = "__ilshift__",
    IRSHIFT = "__irshift__",
    IOR = "__ior__",
    IXOR = "__ixor__",
    IAND = "__iand__",
    IFLOORDIV = "__ifloordiv__",
    EQ = "__eq__",
    NE = "__ne__",
    LT = "__lt__",
    LE = "__le__",
    GT = "__gt__",
    GE = "__ge__",
    CONTAINS = "__contains__",
    IS = "__is__",
    INVERT = "__invert__",
    POS = "__pos__",
    NEG = "__neg__",
    BOOL = "__bool__",
    ITER = "__iter__",
    FORMAT = "__format__",
    ENTER = "__enter__",
    EXIT = "__exit__",
    HASH = "__hash__",
    // Made up by the walk.
    MODULE = "<module>",
    LAMBDA = "<lambda>",
    DEFAULTS = "__defaults__",
    // Names of a module with a meaning of their own.
    ALL = "__all__",
    GETATTR = "__getattr__",
    // Attributes that matter.
    DICT = "__dict__",
    ANNOTATIONS = "__annotations__",
    GLOBALS_OF_FUNCTION = "__globals__",
    F_GLOBALS = "f_globals",
    GETCLOSUREVARS = "getclosurevars",
    ANNOTATE = "__annotate__",
    // Builtins.
    ISINSTANCE = "isinstance",
    ISSUBCLASS = "issubclass",
    EVAL = "eval",
    EXEC = "exec",
    IMPORT = "__import__",
    GLOBALS = "globals",
    VARS = "vars",
    PATH = "__path__",
    LOCALS = "locals",
    LIST = "list",
    TUPLE = "tuple",
    SET = "set",
    FROZENSET = "frozenset",
    SORTED = "sorted",
    LEN = "len",
    DIR = "dir",
    ITER_FUNCTION = "iter",
    // Functions that look at annotations.
    GET_TYPE_HINTS = "get_type_hints",
    GET_ANNOTATIONS = "get_annotations",
    CALL_ANNOTATE_FUNCTION = "call_annotate_function",
    EVALUATE_FORWARD_REF = "evaluate_forward_ref",
    SIGNATURE = "signature",
    FROM_CALLABLE = "from_callable",
    GETFULLARGSPEC = "getfullargspec",
    SIGNATURE_CLASS = "Signature",
    // Other functions and methods.
    IMPORT_MODULE = "import_module",
    REGISTER = "register",
    GET = "get",
    POP = "pop",
    SETDEFAULT = "setdefault",
    GETITEM = "__getitem__",
    SETITEM = "__setitem__",
    UPDATE = "update",
    PARTIAL = "partial",
    SETITEM_FUNCTION = "setitem",
    DELITEM_FUNCTION = "delitem",
    DICT_CLASS = "dict",
    KEYS = "keys",
    EXTEND = "extend",
    APPEND = "append",
    TESTMOD = "testmod",
    DOC_TEST_SUITE = "DocTestSuite",
    ADD_KEY = "add",
    GETMEMBERS = "getmembers",
    GETMEMBERS_STATIC = "getmembers_static",
    GETATTR_STATIC = "getattr_static",
    RUN_MODULE = "run_module",
    RUN_PATH = "run_path",
    RUN_DOCSTRING_EXAMPLES = "run_docstring_examples",
    STARTSWITH = "startswith",
    FILTERWARNINGS = "filterwarnings",
    SIMPLEFILTER = "simplefilter",
    RESETWARNINGS = "resetwarnings",
    ADDAUDITHOOK = "addaudithook",
    HASATTR = "hasattr",
    GETATTR_FUNCTION = "getattr",
    // What replaces a name of an object.
    PATCH = "patch",
    SETATTR_FUNCTION = "setattr",
    DELATTR_FUNCTION = "delattr",
    OBJECT = "object",
    REPLACE = "replace",
    MULTIPLE = "multiple",
    SETATTR = "__setattr__",
    // What makes and prepares objects.
    NEW = "__new__",
    INIT = "__init__",
}

/// Whether the walk knows the name.
pub(crate) fn is_word(name: Sym) -> bool {
    name.number() as usize <= TEXTS.len()
}

const PLACES: usize = 512;

/// Words by key, in a table that fits into the nearest cache.
static PLACE: LazyLock<Vec<Option<(Key, Sym)>>> = LazyLock::new(|| {
    let mut places = vec![None; PLACES];
    for (text, number) in TEXTS.iter().zip(0..) {
        let key = Key::of(text);
        let mut place = key.mixed() % PLACES;
        while places[place].is_some() {
            place = (place + 1) % PLACES;
        }
        places[place] = Some((key, Sym::fixed(number)));
    }
    places
});

/// The word with this text, if it is one.
pub(super) fn find(key: Key, text: &str) -> Option<Sym> {
    let mut place = key.mixed() % PLACES;
    while let Some((known, word)) = PLACE[place] {
        if known == key && (!key.is_long() || word.as_str() == text) {
            return Some(word);
        }
        place = (place + 1) % PLACES;
    }
    None
}
