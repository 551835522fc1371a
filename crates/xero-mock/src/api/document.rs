//! One value, written as JSON or as XML the way Xero writes each.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use super::header_text;

/// A value of an answer.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    Flag(bool),
    Count(i64),
    Quantity(f64),
    /// Hundredths of a currency unit.
    Amount(i64),
    Date(SystemTime),
    /// Items, and the XML name of each.
    List(&'static str, Vec<Node>),
    Record(Vec<(&'static str, Node)>),
}

/// Which form an answer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Xml,
}

/// A whole answer: the XML root element, the XML declaration's encoding and the fields.
pub(super) struct Document {
    pub(super) root: &'static str,
    pub(super) declared: Option<&'static str>,
    pub(super) fields: Vec<(&'static str, Node)>,
}

impl Form {
    /// XML unless JSON was asked for by name.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let accept = header_text(headers, &header::ACCEPT).unwrap_or_default().to_ascii_lowercase();
        if accept.contains("application/json") { Self::Json } else { Self::Xml }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Xml => "text/xml; charset=utf-8",
        }
    }
}

impl Document {
    /// What opens every successful answer.
    pub(super) fn envelope(provider: &str, now: SystemTime, fields: Vec<(&'static str, Node)>) -> Self {
        let mut all = vec![
            ("Id", Node::text(Uuid::new_v4().to_string())),
            ("Status", Node::text("OK")),
            ("ProviderName", Node::text(provider)),
            ("DateTimeUTC", Node::Date(now)),
        ];
        all.extend(fields);
        Self { root: "Response", declared: None, fields: all }
    }

    pub(super) fn into_response(self, form: Form) -> Response {
        self.with_status(StatusCode::OK, form)
    }

    pub(super) fn with_status(self, status: StatusCode, form: Form) -> Response {
        let body = match form {
            Form::Json => Node::Record(self.fields).to_json(),
            Form::Xml => self.to_xml().expect("writing to memory cannot fail"),
        };
        (status, [(header::CONTENT_TYPE, form.content_type())], body).into_response()
    }

    fn to_xml(&self) -> io::Result<Vec<u8>> {
        let mut writer = Writer::new(Vec::new());
        if let Some(encoding) = self.declared {
            writer.write_event(Event::Decl(BytesDecl::new("1.0", Some(encoding), None)))?;
        }
        let root = writer
            .create_element(self.root)
            .with_attribute(("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"))
            .with_attribute(("xmlns:xsd", "http://www.w3.org/2001/XMLSchema"));
        root.write_inner_content(|inner| {
            self.fields.iter().try_for_each(|(name, node)| node.write_xml(name, inner))
        })?;
        Ok(writer.into_inner())
    }
}

impl Node {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names are text and numbers finite")
    }

    fn write_xml(&self, name: &str, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let element = writer.create_element(name);
        match self {
            Self::List(item, nodes) => element
                .write_inner_content(|inner| nodes.iter().try_for_each(|node| node.write_xml(item, inner))),
            Self::Record(fields) => element.write_inner_content(|inner| {
                fields.iter().try_for_each(|(field, node)| node.write_xml(field, inner))
            }),
            leaf => element.write_text_content(BytesText::new(&allowed_in_xml(&leaf.xml_text()))),
        }?;
        Ok(())
    }

    fn xml_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Flag(flag) => flag.to_string(),
            Self::Count(count) => count.to_string(),
            Self::Quantity(quantity) => format!("{quantity:.4}"),
            Self::Amount(hundredths) => format!("{:.2}", units(*hundredths)),
            Self::Date(time) => xml_date(*time),
            Self::List(..) | Self::Record(_) => String::new(),
        }
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Count(count) => serializer.serialize_i64(*count),
            Self::Quantity(quantity) => serializer.serialize_f64(*quantity),
            Self::Amount(hundredths) => serializer.serialize_f64(units(*hundredths)),
            Self::Date(time) => serializer.serialize_str(&json_date(*time)),
            Self::List(_, nodes) => serializer.collect_seq(nodes),
            Self::Record(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, node)| map.serialize_entry(name, node))?;
                map.end()
            }
        }
    }
}

fn units(hundredths: i64) -> f64 {
    hundredths as f64 / 100.0
}

fn json_date(time: SystemTime) -> String {
    let milliseconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("/Date({milliseconds}+0000)/")
}

fn xml_date(time: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    OffsetDateTime::from(time).format(format).expect("the clock stays within four-digit years")
}

/// XML 1.0 has no place for most control characters, not even escaped.
fn allowed_in_xml(text: &str) -> String {
    text.chars().filter(|&c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)).collect()
}
