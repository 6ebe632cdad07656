use std::cmp::Ordering;

use super::query::short;
use super::{Parameter, ParameterKind, Query};
use crate::failure::Failure;

/// Which of a list's items are shown, and in which order.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    name: Option<String>,
    ids: Option<Vec<i64>>,
    page: Page,
    order: Order,
    descending: bool,
}

/// Which of a list's items are shown, by their places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    first: usize,
    most: usize,
}

/// What stands in lists.
pub(super) trait Listed {
    fn key(&self) -> Key<'_>;
}

/// What lists go by; times in milliseconds since the epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) id: i64,
    pub(super) name: &'a str,
    pub(super) created: i64,
    pub(super) modified: i64,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Id,
    Name,
    Created,
    Modified,
}

impl Listing {
    /// What the [`PARAMETERS`] of a query ask for.
    ///
    /// Fails with 400 for what cannot be understood: a list with other items than asked for is worse than none.
    pub(super) fn of(query: &Query) -> Result<Self, Failure> {
        let ids = query.text(&IDS).map(|list| list.split(',').map(|id| id.trim().parse::<i64>()).collect());
        let ids: Option<Result<Vec<i64>, _>> = ids;
        let descending = match query.flag(&ASCENDING)? {
            Some(ascending) => !ascending,
            None => query.flag(&DESCENDING)? == Some(true),
        };
        let name = match query.text(&CONDITION) {
            Some(condition) => Some(condition_on_name(condition)?),
            None => query.text(&NAME).map(str::to_owned),
        };
        Ok(Self {
            name,
            ids: ids.transpose().map_err(|_| Failure::invalid("the parameter id is no list of numbers"))?,
            page: Page::of(query)?,
            order: query.text(&ORDER).map_or(Ok(Order::Id), order)?,
            descending,
        })
    }

    /// Those of `items` that are shown, and how many there would be on all pages.
    pub(super) fn apply<T: Listed>(&self, mut items: Vec<T>) -> (Vec<T>, usize) {
        items.retain(|item| {
            let Key { id, name, .. } = item.key();
            self.name.as_deref().is_none_or(|pattern| matches(pattern, name))
                && self.ids.as_ref().is_none_or(|ids| ids.contains(&id))
        });
        items.sort_by(|a, b| {
            let order = self.compare(&a.key(), &b.key());
            if self.descending { order.reverse() } else { order }
        });
        let total = items.len();
        (self.page.of_items(items), total)
    }

    fn compare(&self, a: &Key<'_>, b: &Key<'_>) -> Ordering {
        let order = match self.order {
            Order::Id => Ordering::Equal,
            Order::Name => a.name.to_lowercase().cmp(&b.name.to_lowercase()),
            Order::Created => a.created.cmp(&b.created),
            Order::Modified => a.modified.cmp(&b.modified),
        };
        order.then(a.id.cmp(&b.id))
    }
}

impl Page {
    /// The parameters that [`Page::of`] reads.
    pub(super) const PARAMETERS: [Parameter; 2] = [FIRST, MOST];

    pub(super) fn of(query: &Query) -> Result<Self, Failure> {
        let first = query.number(&FIRST)?.unwrap_or(0);
        Ok(Self { first, most: query.number(&MOST)?.unwrap_or(usize::MAX) })
    }

    pub(super) fn of_items<T>(self, items: Vec<T>) -> Vec<T> {
        items.into_iter().skip(self.first).take(self.most).collect()
    }
}

fn order(text: &str) -> Result<Order, Failure> {
    match text.to_ascii_lowercase().as_str() {
        "id" | "dbid" => Ok(Order::Id),
        "name" => Ok(Order::Name),
        "created" | "creationdate" => Ok(Order::Created),
        "lastmodified" | "modified" => Ok(Order::Modified),
        _ => {
            let message =
                format!("the list cannot be ordered by {:?}: id, name, created, lastModified", short(text));
            Err(Failure::invalid(message).with_parameter("orderby"))
        }
    }
}

/// `name=='x*'` of FIQL, the one condition that is understood.
fn condition_on_name(condition: &str) -> Result<String, Failure> {
    let value = condition.trim().strip_prefix("name==").filter(|value| !value.contains([';', ',']));
    let value = value.map(|value| value.trim_matches(['\'', '"']));
    value.map(str::to_owned).ok_or_else(|| {
        let message = format!("the condition {:?} is not understood: name=='TEXT*' is", short(condition));
        Failure::invalid(message).with_parameter("query")
    })
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

/// The parameters that [`Listing::of`] reads, those of both generations of the API.
pub(super) const PARAMETERS: [Parameter; 8] =
    [NAME, IDS, CONDITION, FIRST, MOST, ORDER, ASCENDING, DESCENDING];

const NAME: Parameter =
    Parameter::new("name", ParameterKind::Text, "Only what has this name; * stands for anything");
const IDS: Parameter =
    Parameter::new("id", ParameterKind::Text, "Only what has one of these numbers, separated by commas")
        .also(&["ids"]);
const CONDITION: Parameter = Parameter::new("query", ParameterKind::Text, "Only what fulfils name=='TEXT*'");
const FIRST: Parameter =
    Parameter::new("index", ParameterKind::Number, "How many items are left out at the beginning")
        .also(&["offset"]);
const MOST: Parameter = Parameter::new("max", ParameterKind::Number, "How many items are shown at most")
    .also(&["count", "limit"]);
const ORDER: Parameter = Parameter::new(
    "orderby",
    ParameterKind::Text,
    "What the list is ordered by: id (as without it), name, created or lastModified",
)
.also(&["orderBy"]);
const ASCENDING: Parameter = Parameter::new(
    "asc",
    ParameterKind::Flag,
    "Whether the list ascends, as it does without it; before descending",
);
const DESCENDING: Parameter = Parameter::new("descending", ParameterKind::Flag, "Whether the list descends");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, expected) in [
            ("web", "web", true),
            ("web", "web1", false),
            ("web*", "web1", true),
            ("*1", "web1", true),
            ("w*b*1", "web11", true),
            ("*", "", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
