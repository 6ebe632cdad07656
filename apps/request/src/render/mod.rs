//! Documents as trees of values, and the trees as text.

mod json;
mod shape;
mod xml;

pub(crate) use shape::{Described, Shapes};
pub use shape::{Shape, ShapeField, ShapeKind};

use crate::{Common, Syntax, Time};

/// A document that is sent: one object of the schema as a root element.
pub trait Document {
    /// Name of the root element.
    const ROOT: &'static str;

    /// The whole document in that syntax, with a line feed at its end.
    ///
    /// XML: the root stands in the namespace, what is in it in none; fields in the order of the schema; characters that
    /// XML does not have become U+FFFD. JSON: an object with the root's name as its one field; a list is an array in its
    /// wrapper, even if it is empty. Both: what is `None` is left out, and so is a number that its field cannot hold.
    fn render(&self, syntax: Syntax) -> String;

    /// Identifier, digest and times of the object; `None` for a list and for what has no identity.
    fn common(&mut self) -> Option<&mut Common>;
}

/// An inherited block of the schema.
pub(crate) trait Base {
    /// Itself, if it is [`Common`].
    fn common(&mut self) -> Option<&mut Common>;
}

/// An object of the schema.
pub(crate) trait Object {
    /// Its name in the schema.
    const NAME: &'static str;
    /// What it is.
    const ABOUT: &'static str;

    /// What its fields are.
    fn fields(shapes: &mut Shapes) -> Vec<ShapeField>;

    /// Appends its fields in the order of the schema.
    fn write(&self, record: &mut Record);
}

/// An object whose inherited blocks are known.
pub(crate) trait Identified {
    /// Its inherited [`Common`], if it has one.
    fn common(&mut self) -> Option<&mut Common>;
}

/// A document of `object` below an element called `root`.
pub(crate) fn render<T: Object>(root: &str, object: &T, syntax: Syntax) -> String {
    let mut record = Record::default();
    object.write(&mut record);
    let value = Value::Object(record);
    match syntax {
        Syntax::Xml => xml::render(root, &value),
        Syntax::Json => json::render(root, &value),
    }
}

/// A value of either syntax.
#[derive(Debug)]
pub(crate) enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A truth value.
    Boolean(bool),
    /// An object.
    Object(Record),
    /// A wrapper element that holds `item` any number of times.
    List { item: &'static str, values: Vec<Value> },
}

/// The fields of an object, in the order of the schema.
#[derive(Debug, Default)]
pub(crate) struct Record(Vec<(&'static str, Value)>);

impl Record {
    /// A field, unless it is absent.
    pub(crate) fn put<T: ToValue>(&mut self, name: &'static str, value: &Option<T>) {
        if let Some(value) = value.as_ref().and_then(ToValue::to_value) {
            self.0.push((name, value));
        }
    }

    /// A list in its wrapper `name`, unless it is absent.
    pub(crate) fn put_list<T: ToValue>(
        &mut self,
        name: &'static str,
        item: &'static str,
        values: &Option<Vec<T>>,
    ) {
        if let Some(values) = values {
            self.put_items(name, item, values);
        }
    }

    /// A list in its wrapper `name`, which stands there even if the list is empty.
    pub(crate) fn put_items<T: ToValue>(&mut self, name: &'static str, item: &'static str, values: &[T]) {
        let values = values.iter().filter_map(ToValue::to_value).collect();
        self.0.push((name, Value::List { item, values }));
    }
}

/// What a field can hold.
pub(crate) trait ToValue {
    /// The value; `None` if the schema has none for it.
    fn to_value(&self) -> Option<Value>;
}

impl ToValue for String {
    fn to_value(&self) -> Option<Value> {
        Some(Value::Text(self.clone()))
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Option<Value> {
        Some(Value::Boolean(*self))
    }
}

impl ToValue for i32 {
    fn to_value(&self) -> Option<Value> {
        Some(Value::Number((*self).into()))
    }
}

impl ToValue for i64 {
    fn to_value(&self) -> Option<Value> {
        Some(Value::Number(*self))
    }
}

impl ToValue for u64 {
    fn to_value(&self) -> Option<Value> {
        i64::try_from(*self).ok().map(Value::Number)
    }
}

impl ToValue for Time {
    fn to_value(&self) -> Option<Value> {
        Some(Value::Text(self.to_string()))
    }
}

impl<T: Object> ToValue for T {
    fn to_value(&self) -> Option<Value> {
        let mut record = Record::default();
        self.write(&mut record);
        Some(Value::Object(record))
    }
}

/// Declares an object of the schema: its fields stand in the schema's order, each with its element's name, a list with
/// its items' name too. `: base` are inherited blocks. A root element's name makes it a [`Document`].
macro_rules! object {
    (
        $(#[doc = $about:literal])* $name:ident $(: $($base:ident: $base_type:ident),+)? $(= $root:literal)? {
            $($(#[doc = $field_about:literal])* $field:ident: $type:ty => $element:literal $([$item:literal])?,)*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(
                #[doc = concat!("The inherited block [`", stringify!($base_type), "`](crate::", stringify!($base_type), ").")]
                pub $base: crate::$base_type,
            )+)?
            $($(#[doc = $field_about])* pub $field: Option<$type>,)*
        }

        impl crate::render::Object for $name {
            const NAME: &'static str = stringify!($name);
            const ABOUT: &'static str = concat!($($about),*);

            fn fields(shapes: &mut crate::render::Shapes) -> Vec<crate::ShapeField> {
                let inherited: Vec<Vec<crate::ShapeField>> =
                    vec![$($(<crate::$base_type as crate::render::Object>::fields(shapes)),+)?];
                let own = [$(crate::ShapeField {
                    name: $element,
                    about: concat!($($field_about),*).trim(),
                    kind: <$type as crate::render::Described>::kind(shapes),
                    item: crate::render::object!(@item $($item)?),
                },)*];
                inherited.into_iter().flatten().chain(own).collect()
            }

            fn write(&self, record: &mut crate::render::Record) {
                $($(self.$base.write(record);)+)?
                $(crate::render::object!(@field record, self.$field, $element $(, $item)?);)*
            }
        }

        impl crate::render::Identified for $name {
            fn common(&mut self) -> Option<&mut crate::Common> {
                None $($(.or(crate::render::Base::common(&mut self.$base)))+)?
            }
        }

        #[cfg(test)]
        impl crate::samples::Sample for $name {
            fn sample(depth: usize) -> Option<Self> {
                let below = depth.checked_sub(1)?;
                Some(Self {
                    $($($base: crate::samples::Sample::sample(below)?,)+)?
                    $($field: crate::samples::Sample::sample(below),)*
                })
            }
        }

        $(
            impl crate::Document for $name {
                const ROOT: &'static str = $root;

                fn render(&self, syntax: crate::Syntax) -> String {
                    crate::render::render($root, self, syntax)
                }

                fn common(&mut self) -> Option<&mut crate::Common> {
                    crate::render::Identified::common(self)
                }
            }
        )?
    };
    (@item) => { None };
    (@item $item:literal) => { Some($item) };
    (@field $record:ident, $value:expr, $element:literal) => { $record.put($element, &$value) };
    (@field $record:ident, $value:expr, $element:literal, $item:literal) => {
        $record.put_list($element, $item, &$value)
    };
}

pub(crate) use object;

#[cfg(test)]
mod tests;
