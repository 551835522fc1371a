//! Reads what is sent to be created: JSON, XML, or XML in the form field `xml`.

use axum::http::header::CONTENT_TYPE;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

use super::{Call, Refusal};
use crate::oauth1::is_form;

/// The records of a body, whether it holds one, a list, or a list under its plural name.
pub(super) fn records(call: &Call<'_>, plural: &str) -> Result<Vec<Value>, Refusal> {
    let body = read(call).map_err(Refusal::body)?;
    let inner = match body {
        Value::Object(mut map) if map.len() == 1 && map.contains_key(plural) => {
            map.remove(plural).unwrap_or_default()
        }
        other => other,
    };
    match inner {
        Value::Array(records) if !records.is_empty() => Ok(records),
        record @ Value::Object(_) => Ok(vec![record]),
        _ => Err(Refusal::body(format!("The body holds no {plural}"))),
    }
}

/// A field as text, whether it was written as text or as a number; trimmed.
pub(super) fn text(record: &Value, field: &str) -> Option<String> {
    let text = match record.get(field)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A field as a finite number, whether it was written as a number or as text.
pub(super) fn number(record: &Value, field: &str) -> Option<f64> {
    text(record, field)?.parse().ok().filter(|number: &f64| number.is_finite())
}

fn read(call: &Call<'_>) -> Result<Value, String> {
    let content_type = call.header(&CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    if is_form(&call.parts.headers) {
        let field = form_urlencoded::parse(call.body).find(|(name, _)| name == "xml");
        let (_, xml) = field.ok_or("The form has no field xml")?;
        return read_xml(&xml);
    }
    if content_type.contains("json") {
        return serde_json::from_slice(call.body).map_err(|_| "The body is no JSON".to_owned());
    }
    read_xml(std::str::from_utf8(call.body).map_err(|_| "The body is no UTF-8 text")?)
}

/// Deeper elements are refused; Xero's own reach six levels.
const DEEPEST: usize = 32;

/// Plural names are lists, other elements with elements in them are objects, all else is text.
/// The root's name is kept, as the only key of an object, when it is plural.
fn read_xml(xml: &str) -> Result<Value, String> {
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Start(root)) => {
                let name = root.local_name().as_ref().to_owned();
                let value = read_element(&mut reader, &name, 1)?;
                return Ok(if value.is_array() {
                    Value::Object(Map::from_iter([(name, value)]))
                } else {
                    value
                });
            }
            Ok(Event::Eof | Event::Empty(_)) | Err(_) => return Err("The body is no XML".to_owned()),
            Ok(_) => {}
        }
    }
}

fn read_element(reader: &mut Reader<&[u8]>, name: &str, depth: usize) -> Result<Value, String> {
    if depth > DEEPEST {
        return Err("The XML is nested too deeply".to_owned());
    }
    let (mut text, mut children) = (String::new(), Vec::new());
    loop {
        match reader.read_event().map_err(|_| "The XML is not well-formed")? {
            Event::Start(child) => {
                let child = child.local_name().as_ref().to_owned();
                let value = read_element(reader, &child, depth + 1)?;
                children.push((child, value));
            }
            Event::Text(part) => text.push_str(&part),
            Event::CData(part) => text.push_str(&part),
            Event::GeneralRef(reference) => text.push_str(&resolve(&reference)?),
            Event::End(_) => return Ok(element_value(name, text, children)),
            Event::Eof => return Err("The XML ends too early".to_owned()),
            _ => {}
        }
    }
}

/// The predefined entities and character references; there are no others without a DTD, which is not read.
fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Result<String, String> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Ok(character.to_string());
    }
    let entity = quick_xml::escape::resolve_predefined_entity(reference);
    entity.map(str::to_owned).ok_or_else(|| "The XML has an unknown entity".to_owned())
}

fn element_value(name: &str, text: String, children: Vec<(String, Value)>) -> Value {
    if matches!(name, "Contacts" | "Invoices" | "LineItems") {
        Value::Array(children.into_iter().map(|(_, value)| value).collect())
    } else if children.is_empty() {
        Value::String(text)
    } else {
        Value::Object(children.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read_xml;

    #[test]
    fn xml_becomes_the_same_value_as_json() {
        let xml = "<?xml version='1.0'?><Invoices><Invoice><Type>ACCREC</Type><Contact><Name>A &amp; &#66;</Name></Contact>\
                   <LineItems><LineItem><Description><![CDATA[<x>]]></Description></LineItem></LineItems></Invoice></Invoices>";
        let expected = json!({"Invoices": [{
            "Type": "ACCREC", "Contact": {"Name": "A & B"}, "LineItems": [{"Description": "<x>"}],
        }]});
        assert_eq!(read_xml(xml), Ok(expected));
    }

    #[test]
    fn broken_xml_is_refused() {
        for broken in ["", "text", "<a>", "<a><b></a>", "<a>&unknown;</a>", &"<a>".repeat(40)] {
            assert!(read_xml(broken).is_err(), "{broken}");
        }
    }
}
