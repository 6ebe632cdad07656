use std::cmp::Ordering;

use super::Query;
use super::query::short;
use crate::failure::Failure;

/// Which of a list's items are shown, and in which order: the parameters of both generations of the API.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    name: Option<String>,
    ids: Option<Vec<i64>>,
    first: usize,
    most: usize,
    order: Order,
    descending: bool,
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
    /// What the parameters `name`, `id`, `query`, `index`, `max`, `orderby`, `asc` and their synonyms ask for.
    ///
    /// Fails with 400 for what cannot be understood: a list with other items than asked for is worse than none.
    pub(super) fn of(query: &Query) -> Result<Self, Failure> {
        let ids = query
            .any(&["id", "ids"])
            .map(|list| list.split(',').map(|id| id.trim().parse::<i64>()).collect());
        let ids: Option<Result<Vec<i64>, _>> = ids;
        let descending = match query.flag("asc")? {
            Some(ascending) => !ascending,
            None => query.flag("descending")? == Some(true),
        };
        let name = match query.text("query") {
            Some(condition) => Some(condition_on_name(condition)?),
            None => query.text("name").map(str::to_owned),
        };
        Ok(Self {
            name,
            ids: ids.transpose().map_err(|_| Failure::invalid("the parameter id is no list of numbers"))?,
            first: query.number(&["index", "offset"])?.unwrap_or(0),
            most: query.number(&["max", "count"])?.unwrap_or(usize::MAX),
            order: query.any(&["orderby", "orderBy"]).map_or(Ok(Order::Id), order)?,
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
        (items.into_iter().skip(self.first).take(self.most).collect(), total)
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
