/// A document to be written, in either syntax.
#[derive(Debug)]
pub(crate) enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Number(u64),
    /// A truth value.
    Boolean(bool),
    /// Fields in the order of the schema.
    Object(Vec<(&'static str, Value)>),
    /// A wrapper element that holds `item` any number of times.
    List { item: &'static str, values: Vec<Value> },
}
