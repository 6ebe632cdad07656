use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::failure::Failure;

/// The parameters of a request's query. Of one given twice the first counts; one that is empty is as good as absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// A parameter's text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(one, _)| one == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The text of the first of `names` that is there.
    pub(crate) fn any(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A number without sign under one of `names`.
    ///
    /// Fails with 400 for something else.
    pub(crate) fn number(&self, names: &[&str]) -> Result<Option<usize>, Failure> {
        let wrong = |text: &str| {
            let name = names.first().copied().unwrap_or_default();
            Failure::invalid(format!("the parameter {name} is no number: {:?}", short(text)))
                .with_parameter(name)
        };
        self.any(names).map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }

    /// A truth value.
    ///
    /// Fails with 400 for something else.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Failure> {
        match self.text(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") || text == "1" => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") || text == "0" => Ok(Some(false)),
            Some(text) => {
                let message = format!("the parameter {name} is neither true nor false: {:?}", short(text));
                Err(Failure::invalid(message).with_parameter(name))
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // What is no form is no parameter.
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        Ok(Self(pairs.map(|pairs| pairs.0).unwrap_or_default()))
    }
}

/// Input of any length, for a message.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
