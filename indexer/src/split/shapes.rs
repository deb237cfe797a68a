//! The shapes of a split while it is built, and the fields that their values belong to.
//!
//! Both are bounded: values of too many fields share one, attributes of too many shapes are kept whole.

use super::column::Distinct;
use super::shape;

/// The shapes of a split while it is built.
#[derive(Debug)]
pub(super) struct Shapes {
    pub(super) texts: Distinct,
    /// The fields of each shape's values.
    pub(super) fields: Vec<Vec<u32>>,
    /// The names of the fields; the first two are [`MESSAGE`] and [`WHOLE`].
    pub(super) names: Distinct,
}

/// The field of messages.
pub(crate) const MESSAGE: u32 = 0;
/// The field of attributes that are kept whole.
pub(crate) const WHOLE: u32 = 1;
/// The field of values whose own one is too much.
const OTHERS: u32 = 2;
/// Fields of a split at most: values of further ones share one.
const FIELDS_MAX: usize = 500;
/// Shapes of a split at most, and bytes of them: attributes of further ones are kept whole.
const SHAPES_MAX: usize = 16_384;
/// See [`SHAPES_MAX`].
const SHAPES_BYTES_MAX: usize = 4 << 20;

impl Shapes {
    pub(super) fn new() -> Self {
        let mut shapes = Self { texts: Distinct::default(), fields: vec![vec![WHOLE]], names: Distinct::default() };
        shapes.texts.number_of("\u{1}");
        // Names of fields are never empty and never begin so.
        for name in ["\u{1}message", "\u{1}whole", "\u{1}others"] {
            shapes.names.number_of(name);
        }
        shapes
    }

    /// The number of a shape; [`shape::WHOLE`] when there are too many.
    pub(super) fn number_of(&mut self, text: &str) -> u32 {
        if let Some(number) = self.texts.find(text) {
            return number;
        }
        if self.texts.len() >= SHAPES_MAX || self.texts.bytes() + text.len() > SHAPES_BYTES_MAX {
            return shape::WHOLE;
        }
        let fields = shape::names(text).iter().map(|name| self.field(name)).collect();
        self.fields.push(fields);
        self.texts.number_of(text)
    }

    fn field(&mut self, name: &str) -> u32 {
        match self.names.find(name) {
            _ if name.is_empty() => OTHERS,
            Some(number) => number,
            None if self.names.len() >= FIELDS_MAX => OTHERS,
            None => self.names.number_of(name),
        }
    }

    /// The fields of a shape's values.
    pub(super) fn fields_of(&self, shape: u32) -> &[u32] {
        self.fields.get(shape as usize).map(Vec::as_slice).unwrap_or_default()
    }

    /// Under which exact names the values of each field can be asked for.
    pub(super) fn exact_names(&self) -> Vec<Vec<String>> {
        let mut exact = vec![Vec::<String>::new(); self.names.len()];
        for (text, fields) in self.texts.iter().zip(&self.fields) {
            shape::for_each_name(text, |slot, name| {
                if martlog_formats::fields::is_exact(name)
                    && let Some(names) = fields.get(slot).and_then(|field| exact.get_mut(*field as usize))
                    && !names.iter().any(|known| known == name)
                {
                    names.push(name.to_owned());
                }
            });
        }
        exact
    }
}
