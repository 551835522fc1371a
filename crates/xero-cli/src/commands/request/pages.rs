//! All pages of a list, one after the other, as one document.
//!
//! Most lists count pages (`page`, from 1); journals go on after a number (`offset`). See
//! developer.xero.com/documentation/guides/how-to-guides/best-practices and the pages of each endpoint.

use serde_json::Value;
use url::Url;

use crate::{
    failure::{Failure, Kind, Outcome},
    xero_api::Reply,
};

/// How many items a page of Xero's has where nobody asks for another size.
const PAGE_SIZE: usize = 100;

/// How a list goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Page(u64),
    /// After the journal of this number.
    Offset(u64),
}

/// A list whose pages are fetched.
#[derive(Debug)]
pub(super) struct Pages {
    style: Style,
    url: Url,
    /// The first page's document, with what all pages had in its list.
    whole: Option<Value>,
    last: Vec<Value>,
    pub(super) fetched: usize,
    /// How many items a page has.
    page_size: usize,
    /// True where a full page came a second time.
    pub(super) again: bool,
    /// How many there are, where an answer says so.
    pub(super) of: Option<u64>,
    pub(super) records: usize,
}

impl Pages {
    /// From the page or offset that the URL names, or else from the first.
    pub(super) fn of(url: &Url) -> Self {
        let named = |name: &str| {
            let found = url.query_pairs().find(|(own, _)| own.eq_ignore_ascii_case(name));
            found.and_then(|(_, value)| value.parse().ok())
        };
        let resource = url.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        // Xero does not mind the case.
        let style = match resource.eq_ignore_ascii_case("journals") {
            true => Style::Offset(named("offset").unwrap_or(0)),
            false => Style::Page(named("page").unwrap_or(1).max(1)),
        };
        let page_size = named("pageSize").and_then(|size| usize::try_from(size).ok()).unwrap_or(PAGE_SIZE);
        Self {
            style,
            url: url.clone(),
            whole: None,
            last: Vec::new(),
            fetched: 0,
            page_size,
            again: false,
            of: None,
            records: 0,
        }
    }

    /// Where the next page is.
    pub(super) fn url(&self) -> Url {
        let (name, number) = match self.style {
            Style::Page(page) => ("page", page),
            Style::Offset(offset) => ("offset", offset),
        };
        let mut url = self.url.clone();
        let others: Vec<_> =
            self.url.query_pairs().filter(|(own, _)| !own.eq_ignore_ascii_case(name)).collect();
        url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, &number.to_string());
        url
    }

    /// Takes a page in; true where there may be another.
    pub(super) fn take(&mut self, reply: &Reply) -> Outcome<bool> {
        let page: Value = serde_json::from_slice(&reply.body).map_err(|_| no_list())?;
        self.fetched += 1;
        let name = list_of(&page, &self.url)?;
        let items = items(&page, name.as_deref()).cloned().unwrap_or_default();
        // A list that has no pages is the same again.
        if items.is_empty() || items == self.last {
            self.again = !items.is_empty() && items.len() == self.page_size;
            self.whole.get_or_insert(page);
            return Ok(false);
        }
        self.of = last_page(&page);
        self.records += items.len();
        let more = self.advance(&page, &items);
        self.last.clone_from(&items);
        match &mut self.whole {
            None => self.whole = Some(page),
            Some(whole) => {
                let whole_name = list_of(whole, &self.url)?;
                if let Some(list) = items_mut(whole, whole_name.as_deref()) {
                    list.extend(items);
                }
            }
        }
        Ok(more)
    }

    /// The whole list. What told of pages is left out.
    pub(super) fn whole(self) -> Value {
        let mut whole = self.whole.unwrap_or_default();
        if let Value::Object(fields) = &mut whole {
            fields.retain(|name, _| !name.eq_ignore_ascii_case("pagination"));
        }
        whole
    }

    fn advance(&mut self, page: &Value, items: &[Value]) -> bool {
        match self.style {
            Style::Page(number) => {
                self.style = Style::Page(number + 1);
                last_page(page).is_none_or(|last| number < last)
            }
            Style::Offset(before) => {
                let numbers = items.iter().filter_map(|journal| journal["JournalNumber"].as_u64());
                let last = numbers.max().unwrap_or(before);
                self.style = Style::Offset(last);
                last > before
            }
        }
    }
}

/// How many pages there are, where the answer says so.
fn last_page(page: &Value) -> Option<u64> {
    let pagination = member(page, "pagination")?;
    member(pagination, "pagecount")?.as_u64()
}

/// The member that has the list; `None`: the document is the list.
fn list_of(page: &Value, url: &Url) -> Outcome<Option<String>> {
    let fields = match page {
        Value::Array(_) => return Ok(None),
        Value::Object(fields) => fields,
        _ => return Err(no_list()),
    };
    let resource = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    let mut lists = fields.iter().filter(|(_, value)| value.is_array()).map(|(name, _)| name);
    let named = fields.iter().find(|(name, value)| value.is_array() && name.eq_ignore_ascii_case(resource));
    match (named, lists.next(), lists.next()) {
        (Some((name, _)), ..) | (None, Some(name), None) => Ok(Some(name.clone())),
        _ => Err(no_list()),
    }
}

fn items<'a>(page: &'a Value, name: Option<&str>) -> Option<&'a Vec<Value>> {
    name.map_or(Some(page), |name| page.get(name))?.as_array()
}

fn items_mut<'a>(page: &'a mut Value, name: Option<&str>) -> Option<&'a mut Vec<Value>> {
    match name {
        Some(name) => page.get_mut(name)?.as_array_mut(),
        None => page.as_array_mut(),
    }
}

/// Members begin with small or with capital letters, by API.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.as_object()?.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn no_list() -> Failure {
    Failure::new(Kind::Usage, "the answer is not a list in JSON, and has no pages")
        .hint("leave --paginate out, and any Accept header")
}

#[cfg(test)]
mod tests {
    use reqwest::{StatusCode, header::HeaderMap};
    use serde_json::json;

    use super::*;

    fn reply(body: &Value) -> Reply {
        Reply { status: StatusCode::OK, headers: HeaderMap::new(), body: body.to_string().into_bytes() }
    }

    /// Fetches all from a server that has these answers, in order; gives the queries and the whole.
    fn fetch(url: &str, answers: &[Value]) -> (Vec<String>, Value) {
        let mut pages = Pages::of(&Url::parse(url).unwrap());
        let mut asked = Vec::new();
        for answer in answers {
            asked.push(pages.url().query().unwrap().to_owned());
            if !pages.take(&reply(answer)).unwrap() {
                break;
            }
        }
        (asked, pages.whole())
    }

    #[test]
    fn pages_are_counted_to_the_last() {
        let page = |number: u64, ids: &[u64]| json!({ "Id": "x", "Invoices": ids, "pagination": { "page": number, "pageCount": 2 } });
        let answers = [page(1, &[1, 2]), page(2, &[3]), page(3, &[])];
        let (asked, whole) = fetch("https://api.xero.com/api.xro/2.0/Invoices?where=a%3D1&page=1", &answers);
        assert_eq!(asked, ["where=a%3D1&page=1", "where=a%3D1&page=2"]);
        assert_eq!(whole, json!({ "Id": "x", "Invoices": [1, 2, 3] }));
    }

    #[test]
    fn where_nobody_says_how_many_an_empty_one_is_the_last() {
        let page = |ids: &[u64]| json!({ "Warnings": [], "Contacts": ids });
        let (asked, whole) =
            fetch("https://x.test/Contacts", &[page(&[1]), page(&[2]), page(&[]), page(&[9])]);
        assert_eq!((asked.len(), whole["Contacts"].clone()), (3, json!([1, 2])));
    }

    #[test]
    fn a_list_without_pages_is_taken_once() {
        let accounts = json!({ "Accounts": [1, 2] });
        let (asked, whole) =
            fetch("https://x.test/Accounts", &[accounts.clone(), accounts.clone(), accounts.clone()]);
        assert_eq!((asked.len(), whole), (2, accounts));
        let links = json!([{ "id": 1 }]);
        assert_eq!(fetch("https://x.test/connections", &[links.clone(), links.clone()]).1, links);
    }

    #[test]
    fn journals_go_on_after_the_last_number() {
        let page = |numbers: &[u64]| {
            let journals: Vec<_> = numbers.iter().map(|number| json!({ "JournalNumber": number })).collect();
            json!({ "Journals": journals })
        };
        let answers = [page(&[7, 9]), page(&[12]), page(&[])];
        let (asked, whole) = fetch("https://x.test/api.xro/2.0/Journals?offset=5", &answers);
        assert_eq!(asked, ["offset=5", "offset=9", "offset=12"]);
        assert_eq!(whole["Journals"].as_array().unwrap().len(), 3);
        let stuck = [page(&[5]), page(&[5])];
        assert_eq!(fetch("https://x.test/api.xro/2.0/Journals?offset=5", &stuck).0.len(), 1);
        for spelling in ["journals", "JOURNALS/", "Journals"] {
            let url = format!("https://x.test/api.xro/2.0/{spelling}");
            assert_eq!(fetch(&url, &answers).0, ["offset=0", "offset=9", "offset=12"]);
        }
        assert_eq!(fetch("https://x.test/api.xro/2.0/ManualJournals", &[page(&[])]).0, ["page=1"]);
    }

    #[test]
    fn a_full_page_that_comes_again_is_seen() {
        let again = |query: &str, count: u64| {
            let mut pages = Pages::of(&Url::parse(&format!("https://x.test/Accounts{query}")).unwrap());
            let accounts = reply(&json!({ "Accounts": (0..count).collect::<Vec<_>>() }));
            assert!(pages.take(&accounts).unwrap() && !pages.take(&accounts).unwrap());
            pages.again
        };
        assert_eq!([again("", 100), again("", 99), again("", 101)], [true, false, false]);
        assert_eq!([again("?pageSize=5", 5), again("?pageSize=5", 100)], [true, false]);
    }

    #[test]
    fn what_is_no_list_has_no_pages() {
        for answer in [json!("text"), json!({ "A": [1], "B": [2] }), json!({})] {
            let mut pages = Pages::of(&Url::parse("https://x.test/Reports").unwrap());
            assert!(pages.take(&reply(&answer)).is_err(), "{answer}");
        }
    }
}
