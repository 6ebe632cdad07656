use diskwright_request::{Shape, ShapeField, ShapeKind, shapes};
use utoipa::openapi::schema::{KnownFormat, SchemaFormat, SchemaType, Type};
use utoipa::openapi::xml::XmlBuilder;
use utoipa::openapi::{ArrayBuilder, Object, ObjectBuilder, Ref, RefOr, Schema};

use super::NAMESPACE;

/// The documents' objects as schemas.
pub(super) struct Schemas(Vec<Shape>);

impl Schemas {
    pub(super) fn new() -> Self {
        Self(shapes())
    }

    /// Name of the object that stands below the root element `root`.
    pub(super) fn of_root(&self, root: &str) -> &'static str {
        let found = self.0.iter().find(|shape| shape.root == Some(root));
        // Which roots there are a test holds against the routes.
        found.map_or("", |shape| shape.name)
    }

    /// All, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, Object)> {
        self.0.iter().map(|shape| (shape.name, object(shape)))
    }
}

fn object(shape: &Shape) -> Object {
    let mut object = ObjectBuilder::new().description(Some(shape.about));
    if let Some(root) = shape.root {
        let xml = XmlBuilder::new().name(Some(root)).namespace(Some(NAMESPACE)).prefix(Some("ns0"));
        object = object.xml(Some(xml.build()));
    }
    for field in &shape.fields {
        object = object.property(field.name, schema(field));
    }
    object.build()
}

fn schema(field: &ShapeField) -> RefOr<Schema> {
    let Some(item) = field.item else { return value(&field.kind, field.about) };
    // The wrapper stands there even if the list is empty.
    let items = ArrayBuilder::new().items(value(&field.kind, ""));
    ObjectBuilder::new().description(Some(field.about)).property(item, items).required(item).into()
}

fn value(kind: &ShapeKind, about: &str) -> RefOr<Schema> {
    let about = Some(about).filter(|about| !about.is_empty());
    let of = |kind| ObjectBuilder::new().schema_type(SchemaType::Type(kind)).description(about);
    let known = |format| Some(SchemaFormat::KnownFormat(format));
    match kind {
        ShapeKind::Text => of(Type::String).into(),
        ShapeKind::Time => of(Type::String).format(known(KnownFormat::DateTime)).into(),
        ShapeKind::Boolean => of(Type::Boolean).into(),
        ShapeKind::Number(32) => of(Type::Integer).format(known(KnownFormat::Int32)).into(),
        ShapeKind::Number(_) => of(Type::Integer).format(known(KnownFormat::Int64)).into(),
        ShapeKind::Name(names) => of(Type::String).enum_values(Some(names.iter().copied())).into(),
        ShapeKind::Object(name) => {
            let mut reference = Ref::from_schema_name(*name);
            reference.description = about.unwrap_or_default().to_owned();
            reference.into()
        }
    }
}
