//! Values as bytes, for the cache.
//!
//! Numbers are short where they are small; a place in a source text is written as its distance from the one before; a name is a number in
//! a table that goes with the bytes. Reading never fails half-way: what comes after the first thing that cannot be right is all zeros, and
//! [`Feed::is_done`] tells in the end. So the format needs no checks between two values, and the types need no other form to be read into.

use std::path::PathBuf;

use ruff_text_size::{TextRange, TextSize};

use crate::facts::{Keepers, Sym};

/// What can be written and read again.
pub(crate) trait Wire: Sized {
    /// Writes it.
    fn put(&self, out: &mut Sink);
    /// Reads it. After something wrong: any value of the type.
    fn get(feed: &mut Feed<'_>) -> Self;
}

/// Where values are written to. One serves many runs of bytes.
#[derive(Default)]
pub(crate) struct Sink {
    bytes: Vec<u8>,
    at: u32,
    /// Places go here, if they are to be kept apart from everything else.
    apart: Option<Vec<u32>>,
    names: Vec<Sym>,
    /// By [`Sym::number`]: the place in `names`, if the round is the present one.
    places: Vec<(u32, u32)>,
    round: u32,
}

impl Sink {
    /// One that keeps places in source texts apart. What it writes is to be compared and not to be read.
    pub fn with_places_apart() -> Self {
        Self { apart: Some(Vec::new()), ..Self::default() }
    }

    /// The places that were kept apart, in the order in which they were written.
    pub fn take_places(&mut self) -> Vec<u32> {
        self.apart.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes what was written and the names in it; the next value begins a new run.
    pub fn take(&mut self) -> (Vec<Sym>, Vec<u8>) {
        self.round += 1;
        self.at = 0;
        (std::mem::take(&mut self.names), self.bytes.drain(..).collect())
    }

    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.bytes.push(number.to_le_bytes()[0]);
    }

    fn name(&mut self, name: Sym) {
        let index = name.number() as usize;
        if index >= self.places.len() {
            self.places.resize(index + index / 2 + 1, (u32::MAX, 0));
        }
        let (round, place) = self.places[index];
        if round == self.round {
            return self.number(u64::from(place));
        }
        let place = u32::try_from(self.names.len()).expect("a module has fewer than 2^32 names");
        self.places[index] = (self.round, place);
        self.names.push(name);
        self.number(u64::from(place));
    }
}

/// Where values are read from.
pub(crate) struct Feed<'a> {
    bytes: &'a [u8],
    at: u32,
    names: &'a [Sym],
    good: bool,
    pub keepers: &'a mut Keepers,
}

impl<'a> Feed<'a> {
    pub fn new(names: &'a [Sym], bytes: &'a [u8], keepers: &'a mut Keepers) -> Self {
        Self { bytes, at: 0, names, good: true, keepers }
    }

    /// Whether everything was right and nothing is left.
    pub fn is_done(&self) -> bool {
        self.good && self.bytes.is_empty()
    }

    /// Something is wrong.
    #[cold]
    pub fn fail(&mut self) {
        self.good = false;
        self.bytes = &[];
    }

    #[inline]
    pub fn byte(&mut self) -> u8 {
        if let Some((&byte, rest)) = self.bytes.split_first() {
            self.bytes = rest;
            return byte;
        }
        self.fail();
        0
    }

    #[inline]
    pub fn number(&mut self) -> u64 {
        let byte = self.byte();
        if byte < 0x80 { u64::from(byte) } else { self.long_number(byte) }
    }

    fn long_number(&mut self, first: u8) -> u64 {
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
        }
        self.fail();
        0
    }

    #[inline]
    pub fn short(&mut self) -> u32 {
        let number = self.number();
        u32::try_from(number).unwrap_or_else(|_| {
            self.fail();
            0
        })
    }

    /// How many things follow, each of which takes a byte or more.
    pub fn length(&mut self) -> usize {
        let length = usize::try_from(self.number()).unwrap_or(usize::MAX);
        if length <= self.bytes.len() {
            return length;
        }
        self.fail();
        0
    }

    #[inline]
    fn name(&mut self) -> Sym {
        let place = self.short() as usize;
        if let Some(&name) = self.names.get(place) {
            return name;
        }
        self.fail();
        Sym::new("")
    }

    fn slice(&mut self, length: usize) -> &'a [u8] {
        if let Some((slice, rest)) = self.bytes.split_at_checked(length) {
            self.bytes = rest;
            return slice;
        }
        self.fail();
        &[]
    }
}

impl Wire for u32 {
    fn put(&self, out: &mut Sink) {
        out.number(u64::from(*self));
    }
    #[inline]
    fn get(feed: &mut Feed<'_>) -> Self {
        feed.short()
    }
}

impl Wire for i32 {
    fn put(&self, out: &mut Sink) {
        self.cast_unsigned().put(out);
    }
    #[inline]
    fn get(feed: &mut Feed<'_>) -> Self {
        u32::get(feed).cast_signed()
    }
}

impl Wire for u64 {
    fn put(&self, out: &mut Sink) {
        out.number(*self);
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        feed.number()
    }
}

impl Wire for u16 {
    fn put(&self, out: &mut Sink) {
        out.number(u64::from(*self));
    }
    #[inline]
    fn get(feed: &mut Feed<'_>) -> Self {
        let number = feed.number();
        Self::try_from(number).unwrap_or_else(|_| {
            feed.fail();
            0
        })
    }
}

impl Wire for usize {
    fn put(&self, out: &mut Sink) {
        out.number(u64::try_from(*self).unwrap_or(u64::MAX));
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        Self::try_from(feed.number()).unwrap_or_else(|_| {
            feed.fail();
            0
        })
    }
}

impl Wire for u128 {
    fn put(&self, out: &mut Sink) {
        out.bytes.extend_from_slice(&self.to_le_bytes());
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        feed.slice(16).first_chunk().map_or(0, |bytes| Self::from_le_bytes(*bytes))
    }
}

impl Wire for bool {
    fn put(&self, out: &mut Sink) {
        out.byte(u8::from(*self));
    }
    #[inline]
    fn get(feed: &mut Feed<'_>) -> Self {
        match feed.byte() {
            0 => false,
            1 => true,
            _ => {
                feed.fail();
                false
            }
        }
    }
}

impl Wire for Sym {
    fn put(&self, out: &mut Sink) {
        out.name(*self);
    }
    #[inline]
    fn get(feed: &mut Feed<'_>) -> Self {
        feed.name()
    }
}

impl Wire for String {
    fn put(&self, out: &mut Sink) {
        self.len().put(out);
        out.bytes.extend_from_slice(self.as_bytes());
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        let length = feed.length();
        let Ok(text) = std::str::from_utf8(feed.slice(length)) else {
            feed.fail();
            return Self::new();
        };
        text.to_owned()
    }
}

impl Wire for TextSize {
    fn put(&self, out: &mut Sink) {
        let at = self.to_u32();
        if let Some(places) = &mut out.apart {
            places.push(at);
            return;
        }
        let far = at.wrapping_sub(out.at);
        out.at = at;
        // Small distances in both directions are small numbers.
        out.number(u64::from(if far >> 31 == 0 { far << 1 } else { !(far << 1) }));
    }
    #[inline]
    fn get(feed: &mut Feed<'_>) -> Self {
        let far = feed.short();
        let far = if far & 1 == 0 { far >> 1 } else { !(far >> 1) };
        feed.at = feed.at.wrapping_add(far);
        Self::new(feed.at)
    }
}

impl Wire for TextRange {
    fn put(&self, out: &mut Sink) {
        self.start().put(out);
        if out.apart.is_some() {
            self.end().put(out);
        } else {
            self.len().to_u32().put(out);
        }
    }
    #[inline]
    fn get(feed: &mut Feed<'_>) -> Self {
        let start = TextSize::get(feed);
        let length = TextSize::new(u32::get(feed));
        if let Some(end) = start.checked_add(length) {
            return Self::new(start, end);
        }
        feed.fail();
        Self::empty(start)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Sink) {
        out.byte(u8::from(self.is_some()));
        if let Some(value) = self {
            value.put(out);
        }
    }
    #[inline]
    fn get(feed: &mut Feed<'_>) -> Self {
        bool::get(feed).then(|| T::get(feed))
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Sink) {
        self.len().put(out);
        for item in self {
            item.put(out);
        }
    }
    #[inline]
    fn get(feed: &mut Feed<'_>) -> Self {
        let length = feed.length();
        (0..length).map(|_| T::get(feed)).collect()
    }
}

/// A path that is text; others are not written.
impl Wire for PathBuf {
    fn put(&self, out: &mut Sink) {
        self.to_string_lossy().into_owned().put(out);
    }
    fn get(feed: &mut Feed<'_>) -> Self {
        String::get(feed).into()
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Sink) {
        self.0.put(out);
        self.1.put(out);
    }
    #[inline]
    fn get(feed: &mut Feed<'_>) -> Self {
        let first = A::get(feed);
        (first, B::get(feed))
    }
}

/// [`Wire`] for structures, field by field. A field that is left out does not compile.
macro_rules! fields {
    ($($name:ident { $($field:ident),* $(,)? })*) => {$(
        impl $crate::wire::Wire for $name {
            fn put(&self, out: &mut $crate::wire::Sink) {
                let Self { $($field),* } = self;
                $($crate::wire::Wire::put($field, out);)*
            }
            #[inline]
            fn get(feed: &mut $crate::wire::Feed<'_>) -> Self {
                $(let $field = $crate::wire::Wire::get(feed);)*
                Self { $($field),* }
            }
        }
    )*};
}

/// [`Wire`] for enumerations: a number for each variant, and what it holds. The first must be made of finitely many things.
macro_rules! variants {
    ($($name:ident { $($tag:literal: $variant:ident $(($($item:ident),*))? $({$($field:ident),*})?),* $(,)? })*) => {$(
        impl $crate::wire::Wire for $name {
            fn put(&self, out: &mut $crate::wire::Sink) {
                match self {
                    $(Self::$variant $(($($item),*))? $({$($field),*})? => {
                        out.byte($tag);
                        $($($crate::wire::Wire::put($item, out);)*)?
                        $($($crate::wire::Wire::put($field, out);)*)?
                    })*
                }
            }
            #[inline]
            fn get(feed: &mut $crate::wire::Feed<'_>) -> Self {
                match feed.byte() {
                    $($tag => {
                        $($(let $item = $crate::wire::Wire::get(feed);)*)?
                        $($(let $field = $crate::wire::Wire::get(feed);)*)?
                        Self::$variant $(($($item),*))? $({$($field),*})?
                    })*
                    _ => {
                        // From now on all bytes are zeros.
                        feed.fail();
                        Self::get(feed)
                    }
                }
            }
        }
    )*};
}

pub(crate) use {fields, variants};

#[cfg(test)]
mod tests {
    use ruff_text_size::{TextRange, TextSize};

    use super::{Feed, Sink, Wire};
    use crate::facts::{Keepers, Sym};

    fn again<T: Wire>(value: &T) -> Option<T> {
        let mut sink = Sink::default();
        value.put(&mut sink);
        let (names, bytes) = sink.take();
        let mut keepers = Keepers::default();
        let mut feed = Feed::new(&names, &bytes, &mut keepers);
        let value = T::get(&mut feed);
        feed.is_done().then_some(value)
    }

    #[test]
    fn values_come_back() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(again(&number), Some(number));
        }
        let places: Vec<TextSize> =
            [0, 7, 3, u32::MAX, 0, 1 << 31, 5].into_iter().map(TextSize::new).collect();
        assert_eq!(again(&places), Some(places));
        let names: Vec<Sym> = ["a", "größe", "a", "", "self"].into_iter().map(Sym::new).collect();
        assert_eq!(again(&names), Some(names));
        let mixed = (Some("text".to_owned()), vec![(true, 3_u16), (false, 0)]);
        assert_eq!(again(&mixed), Some(mixed));
        let range = TextRange::new(3.into(), 12.into());
        assert_eq!(again(&(range, None::<u32>)), Some((range, None)));
    }

    #[test]
    fn what_is_cut_off_or_garbled_is_noticed() {
        let value = vec![(Some("text".to_owned()), Sym::new("name")), (None, Sym::new("other"))];
        let mut sink = Sink::default();
        value.put(&mut sink);
        let (names, bytes) = sink.take();
        let read = |names: &[Sym], bytes: &[u8]| {
            let mut keepers = Keepers::default();
            let mut feed = Feed::new(names, bytes, &mut keepers);
            let _ = Vec::<(Option<String>, Sym)>::get(&mut feed);
            feed.is_done()
        };
        assert!(read(&names, &bytes));
        assert!(!read(&names[..1], &bytes));
        for end in 0..bytes.len() {
            assert!(!read(&names, &bytes[..end]), "{end}");
        }
        assert!(!read(&names, &[bytes.as_slice(), &[0]].concat()));
        assert!(!read(&names, &[0xff; 12]));
    }
}
