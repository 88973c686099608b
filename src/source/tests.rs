use super::*;

fn decode(bytes: &[u8]) -> Result<SourceText, SourceError> {
    SourceText::decode(bytes.to_vec())
}

fn text(bytes: &[u8]) -> String {
    let source = decode(bytes).unwrap_or_else(|error| panic!("{error} in {bytes:?}"));
    let again = source.encode(source.text()).unwrap();
    assert_eq!(again, bytes, "round trip");
    source.text().to_owned()
}

fn error(bytes: &[u8]) -> SourceError {
    decode(bytes).expect_err("should not decode")
}

#[test]
fn utf8_is_not_copied() {
    let bytes = "x = 'é'\n".as_bytes().to_vec();
    let address = bytes.as_ptr();
    let source = SourceText::decode(bytes).unwrap();
    assert_eq!(source.text().as_ptr(), address);
    assert_eq!(source.encoding(), "utf-8");
}

#[test]
fn byte_order_mark_is_left_out_and_put_back() {
    let source = decode(b"\xef\xbb\xbfx = 1\n").unwrap();
    assert_eq!(source.text(), "x = 1\n");
    assert!(source.has_bom());
    assert_eq!(source.encode("y = 1\n").unwrap(), b"\xef\xbb\xbfy = 1\n");
    assert_eq!(text(b"\xef\xbb\xbf"), "");
    assert!(!decode(b"").unwrap().has_bom());
}

#[test]
fn only_the_first_byte_order_mark_is_one() {
    assert_eq!(text(b"\xef\xbb\xbf\xef\xbb\xbfx"), "\u{feff}x");
}

/// Each file has the byte 0xE9 in a string: it decodes if the declaration counts.
#[test]
fn declarations_that_count() {
    for head in [
        "# coding: latin-1\n",
        "#coding=latin-1\n",
        "# -*- coding: latin-1 -*-\n",
        "# vim: set fileencoding=latin-1 :\n",
        "#!/usr/bin/env python\n# coding: latin-1\n",
        " \x0c\t\n# coding: latin-1\n",
        "\x0c# coding: latin-1\n",
        "\t# coding: latin-1\n",
        "# coding:\t latin-1\n",
        "# coding: ! coding: latin-1\n",
        "# coding:\n# coding: latin-1\n",
        "# coding: latin-1\r\n",
        "#\r# coding: latin-1\r",
        "#\r\n# coding: latin-1\r\n",
        "# coding: LATIN1\n",
        "# coding: iso_8859_1\n",
        "# coding: iso--8859-1\n",
        "# coding: iso-8859.1\n",
        "# coding: latin-1-unix\n",
        "# coding: 8859\n",
    ] {
        let mut bytes = head.as_bytes().to_vec();
        bytes.extend_from_slice(b"x = '\xe9'\n");
        assert!(text(&bytes).contains('é'), "{head:?}");
    }
    // Without a line ending too.
    assert_eq!(text(b"# coding: latin-1 \xe9"), "# coding: latin-1 é");
    // And bytes beyond ASCII in the line before, or in the same line.
    assert_eq!(text(b"# \xe9\n# coding: latin-1\n"), "# é\n# coding: latin-1\n");
}

#[test]
fn declarations_that_do_not_count() {
    for head in [
        "y = 1\n# coding: latin-1\n",
        "y = 1 # coding: latin-1\n",
        "\n\n# coding: latin-1\n",
        "\r\r# coding: latin-1\r",
        "# coding : latin-1\n",
        "# coding:= latin-1\n",
        "# coding: \x0clatin-1\n",
        "# Coding: latin-1\n",
        "\\\n# coding: latin-1\n",
        "\x0b# coding: latin-1\n",
    ] {
        let mut bytes = head.as_bytes().to_vec();
        bytes.extend_from_slice(b"x = '\xe9'\n");
        let kind = SourceErrorKind::Undecodable { encoding: "utf-8", byte: 0xe9 };
        assert_eq!(error(&bytes).kind, kind, "{head:?}");
    }
    assert_eq!(text(b"x = '# coding: nonsense'\n"), "x = '# coding: nonsense'\n");
}

#[test]
fn with_a_byte_order_mark_only_utf8_may_be_declared() {
    for name in ["utf-8", "UTF_8", "utf-8-sig", "utf-8-unix"] {
        let bytes = format!("\u{feff}# coding: {name}\n");
        assert_eq!(text(bytes.as_bytes()), bytes[3..]);
    }
    for name in ["latin-1", "ascii", "utf8", "nonsense"] {
        let bytes = format!("\u{feff}#\n# coding: {name}\n");
        let error = error(bytes.as_bytes());
        assert_eq!((error.line, error.column, error.offset), (2, 11, 15));
        let declared = name.to_owned();
        assert_eq!(error.kind, SourceErrorKind::BomConflict { declared });
    }
}

#[test]
fn names_of_utf8() {
    for name in ["utf8", "U8", "utf", "cp65001", "utf-8", "UTF-8", "utf_8_sig", "utf-8-mac"] {
        let source = decode(format!("# coding: {name}\nx = 'é'\n").as_bytes()).unwrap();
        assert_eq!(source.encoding(), "utf-8", "{name}");
    }
}

#[test]
fn unknown_and_unsupported_encodings_are_errors() {
    for name in ["foobar", "utf8-unix", "a", "iso-8859-15-unix", "latin-99"] {
        let error = error(format!("# coding: {name}\nx = 1\n").as_bytes());
        let declared = name.to_owned();
        assert_eq!(error.kind, SourceErrorKind::UnknownEncoding { declared });
        assert_eq!((error.line, error.column, error.offset), (1, 11, 10));
    }
    for name in ["utf-16", "utf-7", "big5", "cp437", "iso-2022-jp", "rot13", "unicode_escape"] {
        let error = error(format!("# coding: {name}\nx = 1\n").as_bytes());
        let declared = name.to_owned();
        assert_eq!(error.kind, SourceErrorKind::UnsupportedEncoding { declared });
    }
}

#[test]
fn null_bytes_are_errors_with_their_position() {
    let error = error("é = 1\nx = \0\n".as_bytes());
    assert_eq!(error.kind, SourceErrorKind::NullByte);
    assert_eq!((error.line, error.column, error.offset), (2, 5, 11));
    assert_eq!(error.to_string(), "source code cannot contain null bytes");
}

#[test]
fn undecodable_bytes_are_errors_with_their_position() {
    let found = error(b"\xef\xbb\xbfa\n\xc3\xa9\xff\n");
    assert_eq!((found.line, found.column, found.offset), (2, 2, 7));
    assert_eq!(found.to_string(), "byte 0xff is not valid utf-8");
    let found = error(b"# coding: ascii\rx = '\xe9'\r");
    assert_eq!((found.line, found.column, found.offset), (2, 6, 21));
    assert_eq!(found.to_string(), "byte 0xe9 is not valid ascii");
    let found = error(b"# coding: euc-jp\n\xa4\xa2\xff\n");
    assert_eq!((found.line, found.column, found.offset), (2, 2, 19));
    // Surrogates are not UTF-8.
    assert!(decode(b"\xed\xa0\x80").is_err());
}

/// `(declared name, bytes, what CPython makes of them)`, where the web's tables say something else.
#[test]
fn where_python_and_the_web_differ_python_is_right() {
    for (name, bytes, expected) in [
        ("latin-1", b"\x80\x9f\xe9".as_slice(), "\u{80}\u{9f}é"),
        ("iso-8859-9", b"\x80\xd0\xdd\xde\xf0\xfd\xfe", "\u{80}ĞİŞğış"),
        ("iso-8859-11", b"\x80\x85\xa1", "\u{80}\u{85}ก"),
        ("tis-620", b"\x97\xa1", "\u{97}ก"),
        ("koi8-u", b"\xae\xbe\xa4", "╝╬є"),
        ("gb2312", b"\xa1\xa4\xa1\xaa", "・―"),
        ("shift_jis", b"\x81\x60\x81\x7c\x81\x91", "〜−¢"),
        ("euc-jp", b"\xa1\xc1\xa1\xdd\xa2\xcc", "〜−¬"),
        ("cp932", b"\x81\x60\x81\x7c\x80", "～－\u{80}"),
    ] {
        let mut file = format!("# coding: {name}\n").into_bytes();
        file.extend_from_slice(bytes);
        assert!(text(&file).ends_with(&format!("\n{expected}")), "{name}: {:?}", text(&file));
    }
}

#[test]
fn the_common_encodings() {
    for (name, bytes, expected) in [
        ("iso-8859-15", b"\xa4".as_slice(), "€"),
        ("cp1252", b"\x80\x93", "€“"),
        ("cp1251", b"\xcf", "П"),
        ("koi8-r", b"\xf0", "П"),
        ("mac-roman", b"\x8e", "é"),
        ("gbk", b"\x84\x4d", "凪"),
        ("gb18030", b"\x81\x30\x81\x30", "\u{80}"),
        ("euc-kr", b"\xb0\xa1", "가"),
        ("cp949", b"\x81\x41", "갂"),
        ("cp866", b"\x8f", "П"),
    ] {
        let mut file = format!("# coding: {name}\n").into_bytes();
        file.extend_from_slice(bytes);
        assert!(text(&file).ends_with(&format!("\n{expected}")), "{name}");
    }
}

/// Bytes that the web's tables accept and Python does not, and texts that have two spellings.
#[test]
fn what_could_come_out_wrong_is_refused() {
    for (name, bytes) in [
        ("cp1252", b"\x81".as_slice()),
        ("cp1255", b"\xca"),
        ("gbk", b"\x80"),
        ("gb2312", b"\x81\x40"),
        ("gb2312", b"a\xa1"),
        ("euc-kr", b"\x81\x41"),
        ("euc-kr", b"\xa4\xd4\xa4\xa1\xa4\xbf\xa4\xd4"),
        ("gb18030", b"\xa6\xd9"),
        ("gb18030", b"\xa8\xbc"),
        ("shift_jis", b"\x80"),
        ("ascii", b"\x80"),
    ] {
        let mut file = format!("# coding: {name}\n#").into_bytes();
        file.extend_from_slice(bytes);
        let error = error(&file);
        assert!(matches!(error.kind, SourceErrorKind::Undecodable { .. }), "{name} {bytes:?}: {error:?}");
        assert_eq!(error.line, 2, "{name}");
    }
    for (name, bytes) in [("gb18030", b"\xa3\xa0".as_slice()), ("euc-jp", b"\x8f\xb0\xa1")] {
        let mut file = format!("# coding: {name}\n#").into_bytes();
        file.extend_from_slice(bytes);
        let error = error(&file);
        assert!(matches!(error.kind, SourceErrorKind::NotReversible { .. }), "{name} {bytes:?}: {error:?}");
        assert_eq!((error.line, error.column), (2, 2), "{name}");
    }
}

#[test]
fn a_character_that_the_encoding_lacks_is_an_error() {
    for (name, new, character) in [
        ("latin-1", "aé€", '€'),
        ("ascii", "aé", 'é'),
        ("iso-8859-9", "aéÐ", 'Ð'),
        ("euc-jp", "aé～", 'é'),
        ("euc-jp", "あ～", '～'),
        ("gb2312", "a中\u{b7}", '\u{b7}'),
        ("cp1252", "é\u{81}", '\u{81}'),
        ("cp932", "あ😀", '😀'),
    ] {
        let source = decode(format!("# coding: {name}\n").as_bytes()).unwrap();
        let error = source.encode(new).expect_err(name);
        assert_eq!(error.character, character, "{name}");
        assert_eq!(error.offset, new.find(character).unwrap(), "{name}");
    }
}

#[test]
fn editing_keeps_the_other_bytes() {
    let source = decode(b"# coding: euc-jp\nimport os # \xa1\xc1\xa4\xa2\n").unwrap();
    let new = source.text().replace("os", "sys");
    assert_eq!(source.encode(&new).unwrap(), b"# coding: euc-jp\nimport sys # \xa1\xc1\xa4\xa2\n");
}

#[test]
fn every_codec_name_is_found_once() {
    let mut seen = std::collections::BTreeSet::new();
    for name in codec::all_names() {
        assert!(seen.insert(name), "{name} is listed twice");
    }
    assert!(seen.len() > 200);
}

#[test]
fn first_line_ending() {
    for (text, expected) in [
        ("", LineEnding::Lf),
        ("a", LineEnding::Lf),
        ("a\nb\r\n", LineEnding::Lf),
        ("a\r\nb\n", LineEnding::CrLf),
        ("a\rb\n", LineEnding::Cr),
        ("a\r", LineEnding::Cr),
        ("\x0ca\r\n", LineEnding::CrLf),
    ] {
        let source = decode(text.as_bytes()).unwrap();
        assert_eq!(source.line_ending(), expected, "{text:?}");
    }
    assert_eq!(LineEnding::CrLf.as_str(), "\r\n");
}

#[test]
fn lines_end_as_in_python() {
    let text = "a\nb\r\nc\rd\x0ce\u{2028}f\n";
    let index = LineIndex::new(text);
    assert_eq!(index.line_count(), 5);
    let line = |needle: &str| index.line(text.find(needle).unwrap());
    assert_eq!(["a", "b", "\r\n", "c", "d", "e", "f"].map(line), [1, 2, 2, 3, 4, 4, 4]);
    assert_eq!(index.line(text.len()), 5);
    assert_eq!(index.line_range(text, 2), Some(2..5));
    assert_eq!(index.line_range(text, 5), Some(text.len()..text.len()));
    assert_eq!(index.line_range(text, 0), None);
    assert_eq!(index.line_range(text, 6), None);
}

#[test]
fn columns_count_characters() {
    let text = "x\né😀z\n";
    let index = LineIndex::new(text);
    let at = |needle: &str| {
        let found = index.position(text, text.find(needle).unwrap());
        (found.line, found.column)
    };
    assert_eq!(at("x"), (1, 1));
    assert_eq!(at("é"), (2, 1));
    assert_eq!(at("😀"), (2, 2));
    assert_eq!(at("z"), (2, 3));
    // An offset inside a character is that character's; the end of the text is a place too.
    let emoji = text.find('😀').unwrap();
    assert_eq!(index.position(text, emoji + 2).column, 2);
    assert_eq!(index.position(text, text.len()).line, 3);
    assert_eq!(LineIndex::new("").position("", 0), Position { line: 1, column: 1 });
}
