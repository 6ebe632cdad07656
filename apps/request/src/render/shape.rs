use super::Object;
use crate::Time;

/// An object of the schema, described for those who make schemas of other kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Name of the object, in the schema's words; of a list, that of its root element.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// The root element, if it can be a document.
    pub root: Option<&'static str>,
    /// Its fields, inherited ones first.
    pub fields: Vec<ShapeField>,
}

/// A field of an object. Every field may be absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeField {
    /// The element's name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What it holds; what its items hold, if it is a list.
    pub kind: ShapeKind,
    /// Of a list: the items' name in it.
    pub item: Option<&'static str>,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShapeKind {
    /// Text.
    Text,
    /// A time, as text.
    Time,
    /// A whole number of so many bits.
    Number(u8),
    /// A truth value.
    Boolean,
    /// One of these texts.
    Name(Vec<&'static str>),
    /// The object of that name.
    Object(&'static str),
}

/// Objects that were described so far.
#[derive(Debug, Default)]
pub(crate) struct Shapes(pub(crate) Vec<Shape>);

impl Shapes {
    /// Describes `T`, which is the document `root`, and all that it refers to.
    pub(crate) fn add<T: Object>(&mut self, root: &'static str) {
        self.describe::<T>();
        for shape in self.0.iter_mut().filter(|shape| shape.name == T::NAME) {
            shape.root = Some(root);
        }
    }

    fn describe<T: Object>(&mut self) {
        if self.0.iter().any(|shape| shape.name == T::NAME) {
            return;
        }
        // Its place is taken before its fields are looked at: they may hold the same object again.
        let at = self.0.len();
        self.0.push(Shape { name: T::NAME, about: T::ABOUT.trim(), root: None, fields: Vec::new() });
        let fields = T::fields(self);
        if let Some(shape) = self.0.get_mut(at) {
            shape.fields = fields;
        }
    }
}

/// What a field can be made of.
pub(crate) trait Described {
    /// What it holds; objects are added to `shapes`.
    fn kind(shapes: &mut Shapes) -> ShapeKind;
}

impl<T: Object> Described for T {
    fn kind(shapes: &mut Shapes) -> ShapeKind {
        shapes.describe::<T>();
        ShapeKind::Object(T::NAME)
    }
}

impl<T: Described> Described for Vec<T> {
    fn kind(shapes: &mut Shapes) -> ShapeKind {
        T::kind(shapes)
    }
}

macro_rules! simple {
    ($($name:ty = $kind:expr;)+) => {
        $(impl Described for $name {
            fn kind(_: &mut Shapes) -> ShapeKind {
                $kind
            }
        })+
    };
}

simple! {
    String = ShapeKind::Text;
    Time = ShapeKind::Time;
    bool = ShapeKind::Boolean;
    i32 = ShapeKind::Number(32);
    i64 = ShapeKind::Number(64);
    // What is beyond the signed range is not written.
    u64 = ShapeKind::Number(64);
}
