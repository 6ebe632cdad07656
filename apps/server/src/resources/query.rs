use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::failure::Failure;

/// A parameter of queries: what is read, and what the description of the API says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    /// What other versions of the API call it; the first that is given counts.
    pub(crate) also: &'static [&'static str],
    pub(crate) kind: ParameterKind,
    /// What it does, a sentence without its full stop.
    pub(crate) about: &'static str,
}

/// What stands in a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParameterKind {
    Text,
    /// Text, any number of times.
    Texts,
    /// A whole number that is not negative.
    Number,
    Flag,
}

impl Parameter {
    /// One without other names.
    pub(crate) const fn new(name: &'static str, kind: ParameterKind, about: &'static str) -> Self {
        Self { name, also: &[], kind, about }
    }

    /// The same with other names.
    pub(crate) const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    /// All its names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.also.iter().copied())
    }
}

/// The parameters that a request's route declares: in its extensions, put there by the gate.
#[derive(Clone, Debug)]
pub(crate) struct Declared(pub(crate) Arc<[Parameter]>);

/// The declared parameters of a request's query; others are not there. Of one given twice the first counts; one that is empty
/// is as good as absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// A parameter's text.
    pub(crate) fn text(&self, parameter: &Parameter) -> Option<&str> {
        let mut given = parameter.names().filter_map(|name| self.under(name).next());
        given.find(|value| !value.is_empty())
    }

    /// All texts of a parameter that may be given several times.
    pub(crate) fn texts(&self, parameter: &Parameter) -> Vec<&str> {
        parameter.names().flat_map(|name| self.under(name)).collect()
    }

    /// A number without sign.
    ///
    /// Fails with 400 for something else.
    pub(crate) fn number(&self, parameter: &Parameter) -> Result<Option<usize>, Failure> {
        let wrong = |text: &str| {
            let name = parameter.name;
            Failure::invalid(format!("the parameter {name} is no number: {:?}", short(text)))
                .with_parameter(name)
        };
        self.text(parameter).map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }

    /// A truth value.
    ///
    /// Fails with 400 for something else.
    pub(crate) fn flag(&self, parameter: &Parameter) -> Result<Option<bool>, Failure> {
        match self.text(parameter) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") || text == "1" => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") || text == "0" => Ok(Some(false)),
            Some(text) => {
                let name = parameter.name;
                let message = format!("the parameter {name} is neither true nor false: {:?}", short(text));
                Err(Failure::invalid(message).with_parameter(name))
            }
        }
    }

    fn under(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // What is no form is no parameter.
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let mut pairs = pairs.map(|pairs| pairs.0).unwrap_or_default();
        let declared = parts.extensions.get::<Declared>().map(|declared| &*declared.0).unwrap_or_default();
        pairs.retain(|(name, _)| {
            declared.iter().any(|parameter| parameter.names().any(|declared| declared == name))
        });
        Ok(Self(pairs))
    }
}

/// Input of any length, for a message.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    const FIRST: Parameter = Parameter::new("index", ParameterKind::Number, "").also(&["offset"]);
    const FLAG: Parameter = Parameter::new("asc", ParameterKind::Flag, "");
    const IMAGES: Parameter = Parameter::new("img", ParameterKind::Texts, "");

    async fn query(declared: &[Parameter], query: &str) -> Query {
        let (mut parts, ()) = Request::get(format!("/?{query}")).body(()).unwrap().into_parts();
        parts.extensions.insert(Declared(declared.into()));
        Query::from_request_parts(&mut parts, &()).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_not_declared_cannot_be_read() {
        let given = "index=1&offset=2&asc=true&img=a";
        let read = query(&[FIRST], given).await;
        assert_eq!(read.number(&FIRST).unwrap(), Some(1));
        assert_eq!((read.flag(&FLAG).unwrap(), read.texts(&IMAGES).len()), (None, 0));
        assert_eq!(query(&[FLAG], given).await.number(&FIRST).unwrap(), None);
        let (mut parts, ()) = Request::get(format!("/?{given}")).body(()).unwrap().into_parts();
        let read = Query::from_request_parts(&mut parts, &()).await.unwrap();
        assert_eq!(read.flag(&FLAG).unwrap(), None);
    }

    #[tokio::test]
    async fn the_first_that_says_something_counts_under_whatever_name() {
        let declared = [FIRST, IMAGES];
        for (given, expected) in [
            ("offset=2", Some(2)),
            ("index=&offset=2", Some(2)),
            ("index=3&index=4", Some(3)),
            ("index", None),
        ] {
            assert_eq!(query(&declared, given).await.number(&FIRST).unwrap(), expected, "{given}");
        }
        assert_eq!(query(&declared, "offset=x").await.number(&FIRST).unwrap_err().parameters, ["index"]);
        assert_eq!(query(&declared, "img=a%2Fb&x=1&img=c").await.texts(&IMAGES), ["a/b", "c"]);
    }
}
