//! Python's codecs, as far as source files use them.
//!
//! The tables of `encoding_rs` are those of the web, which are not always Python's. Every codec listed
//! here was compared with Python over all its one-byte and two-byte sequences (and for `gb18030` all
//! four-byte ones). Where the two differ, [`Codec`] either carries the difference (`swaps`) or refuses the text (`refused`,
//! `euc_pairs`): a wrong character never comes out. Codecs that differ too much (`big5`, `cp950`, …) are unsupported.

use encoding_rs::{DecoderResult, Encoding};

/// One text encoding that Python knows.
#[derive(Debug)]
pub(super) struct Codec {
    /// Python's name, in the spelling that people write.
    pub(super) name: &'static str,
    /// Normalised names: see [`normalise`].
    names: &'static [&'static str],
    base: Base,
    /// Characters of the base that stand for another one in Python: `(base, python)`.
    swaps: &'static [(char, char)],
    /// Characters that the base yields for bytes where Python has something else.
    refused: &'static [(char, char)],
    /// Whether every byte from 0x80 on belongs to a pair within 0xA1..=0xFE.
    euc_pairs: bool,
}

#[derive(Debug, Clone, Copy)]
enum Base {
    Ascii,
    /// The first 256 characters of Unicode, C1 controls included.
    Latin1,
    Web(&'static Encoding),
}

/// What a declared name stands for.
#[derive(Debug)]
pub(super) enum Lookup {
    Utf8,
    Codec(&'static Codec),
    /// Python has such a codec.
    Unsupported,
    /// Python does not.
    Unknown,
}

/// Why text could not be decoded: where in the bytes, and the text before that.
#[derive(Debug)]
pub(super) enum DecodeFailure {
    Undecodable { offset: usize, before: String },
    NotReversible { offset: usize, before: String },
}

/// The name as Python's tokenizer compares it with that of the byte order mark.
pub(super) fn tokenizer_name(declared: &str) -> &str {
    let start: String =
        declared.chars().take(12).map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect();
    let is =
        |name: &str| start.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    if is("utf-8") {
        "utf-8"
    } else if is("latin-1") || is("iso-8859-1") || is("iso-latin-1") {
        "iso-8859-1"
    } else {
        declared
    }
}

/// Finds the codec for a name as it is declared in a file.
pub(super) fn lookup(declared: &str) -> Lookup {
    let name = normalise(tokenizer_name(declared));
    let dotless = name.replace('.', "_");
    if UTF8_NAMES.contains(&name.as_str()) {
        return Lookup::Utf8;
    }
    for wanted in [&name, &dotless] {
        let found = CODECS.iter().find(|codec| codec.names.contains(&wanted.as_str()));
        if let Some(codec) = found {
            return Lookup::Codec(codec);
        }
    }
    if UNSUPPORTED.contains(&dotless.as_str()) { Lookup::Unsupported } else { Lookup::Unknown }
}

/// Python's `encodings.normalize_encoding`, in lower case.
fn normalise(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    let mut pending = false;
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '.' {
            if pending && !normal.is_empty() {
                normal.push('_');
            }
            normal.push(c.to_ascii_lowercase());
            pending = false;
        } else {
            pending = true;
        }
    }
    normal
}

/// Every name that is known, for the test that none is listed twice.
#[cfg(test)]
pub(super) fn all_names() -> impl Iterator<Item = &'static str> {
    let codecs = CODECS.iter().flat_map(|codec| codec.names);
    codecs.chain(UTF8_NAMES).chain(UNSUPPORTED).copied()
}

impl Codec {
    /// Decodes as Python does, and makes sure that encoding gives the same bytes again.
    pub(super) fn decode_reversibly(&self, bytes: &[u8]) -> Result<String, DecodeFailure> {
        let text = self.decode(bytes)?;
        let failure = match self.encode_unchecked(&text) {
            Ok(again) if again == bytes => return Ok(text),
            Ok(again) => again.iter().zip(bytes).take_while(|(a, b)| a == b).count(),
            Err(at) => self.encode_unchecked(&text[..at]).map_or(0, |before| before.len()),
        };
        let offset = failure.min(bytes.len().saturating_sub(1));
        let before = self.decode_before(bytes, offset);
        Err(DecodeFailure::NotReversible { offset, before })
    }

    /// Encodes; an error names the first character that Python would not read back.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u8>, super::EncodeError> {
        if let Ok(bytes) = self.encode_unchecked(text)
            && self.decode(&bytes).is_ok_and(|again| again == text)
        {
            return Ok(bytes);
        }
        // Something does not fit: find it, character by character.
        let mut buffer = [0; 4];
        let culprit = text.char_indices().find(|(_, character)| {
            let one: &str = character.encode_utf8(&mut buffer);
            !self.encode_unchecked(one).is_ok_and(|bytes| self.decode(&bytes).is_ok_and(|again| again == one))
        });
        let (offset, character) = culprit.unwrap_or((0, char::REPLACEMENT_CHARACTER));
        Err(super::EncodeError { character, offset, encoding: self.name })
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, DecodeFailure> {
        let mut text = match self.base {
            Base::Ascii => match bytes.iter().position(|byte| !byte.is_ascii()) {
                None => latin1(bytes),
                Some(offset) => {
                    let before = latin1(&bytes[..offset]);
                    return Err(DecodeFailure::Undecodable { offset, before });
                }
            },
            Base::Latin1 => latin1(bytes),
            Base::Web(encoding) => decode_web(encoding, bytes)?,
        };
        if text.len() == bytes.len() && text.is_ascii() {
            return Ok(text);
        }
        if self.euc_pairs
            && let Some(offset) = first_unpaired(bytes)
        {
            let before = self.decode_before(bytes, offset);
            return Err(DecodeFailure::Undecodable { offset, before });
        }
        let refused = |c: char| self.refused.iter().any(|(from, to)| (*from..=*to).contains(&c));
        if let Some(at) = text.find(refused) {
            text.truncate(at);
            let offset = self.encode_base(&text).map_or(0, |before| before.len());
            let offset = offset.min(bytes.len() - 1);
            let before = self.swapped(text);
            return Err(DecodeFailure::Undecodable { offset, before });
        }
        Ok(self.swapped(text))
    }

    /// The text before `offset`, for the position of an error only.
    fn decode_before(&self, bytes: &[u8], offset: usize) -> String {
        match self.base {
            Base::Ascii | Base::Latin1 => latin1(&bytes[..offset]),
            Base::Web(encoding) => encoding.decode_without_bom_handling(&bytes[..offset]).0.into_owned(),
        }
    }

    fn swapped(&self, text: String) -> String {
        if self.swaps.is_empty() {
            return text;
        }
        text.chars()
            .map(|c| {
                let swap = self.swaps.iter().find(|(base, _)| *base == c);
                swap.map_or(c, |(_, python)| *python)
            })
            .collect()
    }

    /// Encodes without asking whether the bytes decode to the same text. The error is a byte offset in the text.
    fn encode_unchecked(&self, text: &str) -> Result<Vec<u8>, usize> {
        if self.swaps.is_empty() || text.is_ascii() {
            return self.encode_base(text);
        }
        // Swapped characters may differ in length: report offsets of the text that came in.
        let swap_back = |c: char| {
            let swap = self.swaps.iter().find(|(_, python)| *python == c);
            swap.map_or(c, |(base, _)| *base)
        };
        let base: String = text.chars().map(swap_back).collect();
        self.encode_base(&base).map_err(|at| {
            let index = base[..at].chars().count();
            text.char_indices().nth(index).map_or(text.len(), |(offset, _)| offset)
        })
    }

    fn encode_base(&self, text: &str) -> Result<Vec<u8>, usize> {
        let limit = match self.base {
            Base::Ascii => 0x7f,
            Base::Latin1 => 0xff,
            Base::Web(encoding) => {
                let (bytes, _, unmappable) = encoding.encode(text);
                if !unmappable {
                    return Ok(bytes.into_owned());
                }
                let mut buffer = [0; 4];
                let culprit = text.char_indices().find(|(_, c)| {
                    let (_, _, unmappable) = encoding.encode(c.encode_utf8(&mut buffer));
                    unmappable
                });
                return Err(culprit.map_or(0, |(offset, _)| offset));
            }
        };
        text.char_indices()
            .map(|(offset, c)| match u8::try_from(u32::from(c)) {
                Ok(byte) if byte <= limit => Ok(byte),
                _ => Err(offset),
            })
            .collect()
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn decode_web(encoding: &'static Encoding, bytes: &[u8]) -> Result<String, DecodeFailure> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
    let mut text = String::with_capacity(room.unwrap_or(bytes.len() * 3));
    let mut read = 0;
    loop {
        let (result, more) = decoder.decode_to_string_without_replacement(&bytes[read..], &mut text, true);
        read += more;
        match result {
            DecoderResult::InputEmpty => return Ok(text),
            DecoderResult::OutputFull => text.reserve(bytes.len() - read + 16),
            DecoderResult::Malformed(length, after) => {
                let offset = read.saturating_sub(usize::from(length) + usize::from(after));
                return Err(DecodeFailure::Undecodable { offset: offset.min(bytes.len() - 1), before: text });
            }
        }
    }
}

/// The first byte that is neither ASCII nor in a pair within 0xA1..=0xFE.
fn first_unpaired(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii() {
            at += 1;
            continue;
        }
        let paired = |byte: Option<&u8>| matches!(byte, Some(0xa1..=0xfe));
        if !(paired(bytes.get(at)) && paired(bytes.get(at + 1))) {
            return Some(at);
        }
        at += 2;
    }
    None
}

const UTF8_NAMES: &[&str] = &["utf_8", "utf8", "u8", "utf", "utf8_ucs2", "utf8_ucs4", "cp65001", "csutf8"];

/// Codecs of Python that source files may name and dally cannot write.
#[rustfmt::skip]
const UNSUPPORTED: &[&str] = &[
    "big5", "big5_tw", "csbig5", "big5hkscs", "big5_hkscs", "hkscs", "cp037", "ibm037", "cp1006", "cp1026", "cp1125",
    "cp1140", "cp273", "cp424", "cp437", "437", "ibm437", "cp500", "cp720", "cp737", "cp775", "ibm775", "cp850", "850",
    "ibm850", "cp852", "852", "ibm852", "cp855", "855", "ibm855", "cp856", "cp857", "857", "ibm857", "cp858", "858",
    "ibm858", "cp860", "860", "ibm860", "cp861", "861", "ibm861", "cp862", "862", "ibm862", "cp863", "863", "ibm863",
    "cp864", "864", "ibm864", "cp865", "865", "ibm865", "cp869", "869", "ibm869", "cp875", "cp950", "950", "ms950",
    "euc_jis_2004", "jisx0213", "eucjis2004", "euc_jisx0213", "eucjisx0213", "hp_roman8", "roman8", "hz", "hzgb",
    "hz_gb", "hz_gb_2312", "iso2022_jp", "csiso2022jp", "iso2022jp", "iso_2022_jp", "iso2022_jp_1", "iso2022jp_1",
    "iso_2022_jp_1", "iso2022_jp_2", "iso2022jp_2", "iso_2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3",
    "iso2022_jp_ext", "iso2022_kr", "csiso2022kr", "iso2022kr", "iso_2022_kr", "johab", "cp1361", "ms1361", "koi8_t",
    "kz1048", "kz_1048", "rk1048", "strk1048_2002", "mac_arabic", "mac_croatian", "mac_farsi", "mac_greek", "macgreek",
    "mac_iceland", "maciceland", "mac_latin2", "maccentraleurope", "mac_centeuro", "maclatin2", "mac_romanian",
    "mac_turkish", "macturkish", "mbcs", "ansi", "dbcs", "oem", "palmos", "ptcp154", "csptcp154", "pt154", "cp154",
    "cyrillic_asian", "raw_unicode_escape", "unicode_escape", "rot_13", "rot13", "shift_jis_2004", "shiftjis2004",
    "sjis_2004", "s_jis_2004", "shift_jisx0213", "shiftjisx0213", "sjisx0213", "s_jisx0213", "utf_16", "u16", "utf16",
    "utf_16_be", "unicodebigunmarked", "utf_16be", "utf_16_le", "unicodelittleunmarked", "utf_16le", "utf_32", "u32",
    "utf32", "utf_32_be", "utf_32be", "utf_32_le", "utf_32le", "utf_7", "u7", "utf7", "unicode_1_1_utf_7",
    "utf8_sig", "punycode", "idna", "undefined", "charmap",
];

/// The C1 controls, which the web's Windows code pages yield for bytes that Python leaves undefined.
const C1: &[(char, char)] = &[('\u{80}', '\u{9f}')];

/// What Shift JIS and EUC-JP have where the web has the characters of Windows.
const JIS_SWAPS: &[(char, char)] = &[
    ('\u{ff5e}', '\u{301c}'),
    ('\u{2225}', '\u{2016}'),
    ('\u{ff0d}', '\u{2212}'),
    ('\u{ffe0}', '\u{a2}'),
    ('\u{ffe1}', '\u{a3}'),
    ('\u{ffe2}', '\u{ac}'),
];

/// Thai without the additions of Windows: those bytes are C1 controls.
const THAI_SWAPS: &[(char, char)] = &[
    ('\u{20ac}', '\u{80}'),
    ('\u{2026}', '\u{85}'),
    ('\u{2018}', '\u{91}'),
    ('\u{2019}', '\u{92}'),
    ('\u{201c}', '\u{93}'),
    ('\u{201d}', '\u{94}'),
    ('\u{2022}', '\u{95}'),
    ('\u{2013}', '\u{96}'),
    ('\u{2014}', '\u{97}'),
];

const PLAIN: Codec =
    Codec { name: "", names: &[], base: Base::Latin1, swaps: &[], refused: &[], euc_pairs: false };

const fn web(name: &'static str, encoding: &'static Encoding, names: &'static [&'static str]) -> Codec {
    Codec { name, names, base: Base::Web(encoding), ..PLAIN }
}

const fn windows(name: &'static str, encoding: &'static Encoding, names: &'static [&'static str]) -> Codec {
    Codec { name, names, base: Base::Web(encoding), refused: C1, ..PLAIN }
}

#[rustfmt::skip]
static CODECS: &[Codec] = &[
    Codec {
        name: "ascii",
        names: &[
            "ascii", "646", "ansi_x3.4_1968", "ansi_x3_4_1968", "ansi_x3.4_1986", "cp367", "csascii", "ibm367",
            "iso646_us", "iso_646.irv_1991", "iso_ir_6", "us", "us_ascii",
        ],
        base: Base::Ascii,
        ..PLAIN
    },
    Codec {
        name: "latin-1",
        names: &[
            "latin_1", "8859", "cp819", "csisolatin1", "ibm819", "iso8859", "iso8859_1", "iso_8859_1",
            "iso_8859_1_1987", "iso_ir_100", "l1", "latin", "latin1",
        ],
        ..PLAIN
    },
    windows("cp1250", encoding_rs::WINDOWS_1250, &["cp1250", "1250", "cswindows1250", "windows_1250"]),
    windows("cp1251", encoding_rs::WINDOWS_1251, &["cp1251", "1251", "cswindows1251", "windows_1251"]),
    windows("cp1252", encoding_rs::WINDOWS_1252, &["cp1252", "1252", "cswindows1252", "windows_1252"]),
    windows("cp1253", encoding_rs::WINDOWS_1253, &["cp1253", "1253", "cswindows1253", "windows_1253"]),
    windows("cp1254", encoding_rs::WINDOWS_1254, &["cp1254", "1254", "cswindows1254", "windows_1254"]),
    Codec {
        refused: &[('\u{80}', '\u{9f}'), ('\u{5ba}', '\u{5ba}')],
        ..web("cp1255", encoding_rs::WINDOWS_1255, &["cp1255", "1255", "cswindows1255", "windows_1255"])
    },
    windows("cp1256", encoding_rs::WINDOWS_1256, &["cp1256", "1256", "cswindows1256", "windows_1256"]),
    windows("cp1257", encoding_rs::WINDOWS_1257, &["cp1257", "1257", "cswindows1257", "windows_1257"]),
    windows("cp1258", encoding_rs::WINDOWS_1258, &["cp1258", "1258", "cswindows1258", "windows_1258"]),
    windows("cp874", encoding_rs::WINDOWS_874, &["cp874", "874", "cswindows874", "ms874", "windows_874"]),
    Codec {
        swaps: THAI_SWAPS,
        ..web("iso-8859-11", encoding_rs::WINDOWS_874, &["iso8859_11", "iso_8859_11", "iso_8859_11_2001", "thai"])
    },
    Codec {
        swaps: THAI_SWAPS,
        refused: &[('\u{a0}', '\u{a0}')],
        ..web(
            "tis-620",
            encoding_rs::WINDOWS_874,
            &[
                "tis_620", "cstis620", "iso_ir_166", "tis620", "tis_620_0", "tis_620_2529_0", "tis_620_2529_1",
            ],
        )
    },
    web("cp866", encoding_rs::IBM866, &["cp866", "866", "csibm866", "ibm866"]),
    web(
        "iso-8859-2",
        encoding_rs::ISO_8859_2,
        &[
            "iso8859_2", "csisolatin2", "iso_8859_2", "iso_8859_2_1987", "iso_ir_101", "l2", "latin2", "latin_2",
        ],
    ),
    web(
        "iso-8859-3",
        encoding_rs::ISO_8859_3,
        &[
            "iso8859_3", "csisolatin3", "iso_8859_3", "iso_8859_3_1988", "iso_ir_109", "l3", "latin3", "latin_3",
        ],
    ),
    web(
        "iso-8859-4",
        encoding_rs::ISO_8859_4,
        &[
            "iso8859_4", "csisolatin4", "iso_8859_4", "iso_8859_4_1988", "iso_ir_110", "l4", "latin4", "latin_4",
        ],
    ),
    web(
        "iso-8859-5",
        encoding_rs::ISO_8859_5,
        &[
            "iso8859_5", "csisolatincyrillic", "cyrillic", "iso_8859_5", "iso_8859_5_1988", "iso_ir_144",
        ],
    ),
    web(
        "iso-8859-6",
        encoding_rs::ISO_8859_6,
        &[
            "iso8859_6", "arabic", "asmo_708", "csisolatinarabic", "ecma_114", "iso_8859_6", "iso_8859_6_1987",
            "iso_ir_127",
        ],
    ),
    web(
        "iso-8859-7",
        encoding_rs::ISO_8859_7,
        &[
            "iso8859_7", "csisolatingreek", "ecma_118", "elot_928", "greek", "greek8", "iso_8859_7",
            "iso_8859_7_1987", "iso_ir_126",
        ],
    ),
    web(
        "iso-8859-8",
        encoding_rs::ISO_8859_8,
        &[
            "iso8859_8", "csiso88598e", "csiso88598i", "csisolatinhebrew", "hebrew", "iso_8859_8",
            "iso_8859_8_1988", "iso_8859_8_e", "iso_8859_8_i", "iso_ir_138",
        ],
    ),
    Codec {
        name: "iso-8859-9",
        names: &[
            "iso8859_9", "csisolatin5", "iso_8859_9", "iso_8859_9_1989", "iso_ir_148", "l5", "latin5", "latin_5",
        ],
        swaps: &[
            ('\u{d0}', '\u{11e}'),
            ('\u{dd}', '\u{130}'),
            ('\u{de}', '\u{15e}'),
            ('\u{f0}', '\u{11f}'),
            ('\u{fd}', '\u{131}'),
            ('\u{fe}', '\u{15f}'),
        ],
        ..PLAIN
    },
    web(
        "iso-8859-10",
        encoding_rs::ISO_8859_10,
        &[
            "iso8859_10", "csisolatin6", "iso_8859_10", "iso_8859_10_1992", "iso_ir_157", "l6", "latin6", "latin_6",
        ],
    ),
    web(
        "iso-8859-13",
        encoding_rs::ISO_8859_13,
        &["iso8859_13", "csiso885913", "iso_8859_13", "l7", "latin7", "latin_7"],
    ),
    web(
        "iso-8859-14",
        encoding_rs::ISO_8859_14,
        &[
            "iso8859_14", "csiso885914", "iso_8859_14", "iso_8859_14_1998", "iso_celtic", "iso_ir_199", "l8",
            "latin8", "latin_8",
        ],
    ),
    web(
        "iso-8859-15",
        encoding_rs::ISO_8859_15,
        &["iso8859_15", "csiso885915", "iso_8859_15", "l9", "latin9", "latin_9"],
    ),
    web(
        "iso-8859-16",
        encoding_rs::ISO_8859_16,
        &[
            "iso8859_16", "csiso885916", "iso_8859_16", "iso_8859_16_2001", "iso_ir_226", "l10", "latin10",
            "latin_10",
        ],
    ),
    web("koi8-r", encoding_rs::KOI8_R, &["koi8_r", "cskoi8r"]),
    Codec {
        swaps: &[('\u{45e}', '\u{255d}'), ('\u{40e}', '\u{256c}')],
        ..web("koi8-u", encoding_rs::KOI8_U, &["koi8_u", "cskoi8u"])
    },
    web(
        "mac-roman",
        encoding_rs::MACINTOSH,
        &["mac_roman", "csmacintosh", "mac", "macintosh", "macroman"],
    ),
    web("mac-cyrillic", encoding_rs::X_MAC_CYRILLIC, &["mac_cyrillic", "maccyrillic"]),
    Codec {
        refused: &[('\u{20ac}', '\u{20ac}')],
        ..web("gbk", encoding_rs::GBK, &["gbk", "936", "cp936", "csgbk", "ms936", "windows_936"])
    },
    Codec {
        swaps: &[('\u{b7}', '\u{30fb}'), ('\u{2014}', '\u{2015}')],
        euc_pairs: true,
        ..web(
            "gb2312",
            encoding_rs::GBK,
            &[
                "gb2312", "chinese", "csgb2312", "csiso58gb231280", "euc_cn", "euccn", "eucgb2312_cn",
                "gb2312_1980", "gb2312_80", "gb_2312_80", "iso_ir_58", "x_mac_simp_chinese",
            ],
        )
    },
    Codec {
        refused: &[
            ('\u{1e3f}', '\u{1e3f}'),
            ('\u{9fb4}', '\u{9fbb}'),
            ('\u{e7c7}', '\u{e7c7}'),
            ('\u{fe10}', '\u{fe19}'),
        ],
        ..web("gb18030", encoding_rs::GB18030, &["gb18030", "csgb18030", "gb18030_2000"])
    },
    Codec {
        swaps: JIS_SWAPS,
        ..web(
            "euc-jp",
            encoding_rs::EUC_JP,
            &["euc_jp", "cseucpkdfmtjapanese", "eucjp", "u_jis", "ujis"],
        )
    },
    Codec {
        swaps: JIS_SWAPS,
        refused: C1,
        ..web(
            "shift_jis",
            encoding_rs::SHIFT_JIS,
            &["shift_jis", "csshiftjis", "s_jis", "shiftjis", "sjis", "x_mac_japanese"],
        )
    },
    web(
        "cp932",
        encoding_rs::SHIFT_JIS,
        &["cp932", "932", "cswindows31j", "ms932", "ms_kanji", "mskanji", "windows_31j"],
    ),
    Codec {
        // Python reads four pairs that start with the Hangul filler as one syllable.
        refused: &[('\u{3164}', '\u{3164}')],
        euc_pairs: true,
        ..web(
            "euc-kr",
            encoding_rs::EUC_KR,
            &[
                // The names from `korean` on are EUC-KR in older Pythons and CP949 in newer ones.
                "euc_kr", "cseuckr", "euckr", "x_mac_korean", "korean", "ks_c_5601", "ks_c_5601_1987",
                "ks_c_5601_1989", "ks_x_1001", "ksc5601", "ksc_5601", "ksx1001", "csksc56011987", "iso_ir_149",
            ],
        )
    },
    web("cp949", encoding_rs::EUC_KR, &["cp949", "949", "ms949", "uhc"]),
];
