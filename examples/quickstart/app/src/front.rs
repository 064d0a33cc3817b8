//! The page in the browser. What stands on it comes from the API; its title and colour come from the file that
//! `SETTINGS` names, read at each request, so that changing them needs no restart.

use crate::http::{self, Request, Response};
use crate::{Failure, port, setting};

/// Runs until it is ended.
pub fn run() -> Result<(), Failure> {
    let api = setting("API")?;
    let settings = setting("SETTINGS")?;
    http::serve("front", port()?, move |request| {
        answer(&api, &settings, request).unwrap_or_else(|failure| Response::unavailable(&failure))
    })
}

fn answer(api: &str, settings: &str, request: &Request) -> Result<Response, Failure> {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/healthz") => Ok(Response::text(http::ask(api, "GET", "/healthz", "")?)),
        ("GET", "/") => Ok(Response::page(page(&read_settings(settings)?, &http::ask(api, "GET", "/page", "")?))),
        ("POST", "/notes") => {
            let note = request.body.strip_prefix("note=").map(decode_form).unwrap_or_default();
            http::ask(api, "POST", "/notes", &note)?;
            Ok(Response::home())
        }
        _ => Ok(Response::not_found()),
    }
}

/// `settings` is lines of `name = value`, `data` is what the API answered.
fn page(settings: &str, data: &str) -> String {
    let settings: Vec<(&str, &str)> = settings
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    let data: Vec<(&str, &str)> = data.lines().filter_map(|line| line.split_once('\t')).collect();
    let notes = data.iter().filter(|(name, _)| *name == "note");
    let notes: String = notes.map(|(_, note)| format!("      <li>{}</li>\n", escape(note))).collect();
    let title = escape(find(&settings, "title"));
    format!(
        r#"<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>{title}</title></head>
  <body style="font-family: sans-serif; max-width: 40em; margin: 3em auto; border-top: 0.5em solid {colour}">
    <h1>{title}</h1>
    <p>{greeting}</p>
    <ul>
{notes}    </ul>
    <form method="post" action="/notes"><input name="note" aria-label="note" size="40"> <button>Add</button></form>
    <p><small>{visits} visits</small></p>
  </body>
</html>
"#,
        colour = escape(find(&settings, "colour")),
        greeting = escape(find(&data, "greeting")),
        visits = escape(find(&data, "visits")),
    )
}

fn find<'a>(pairs: &[(&str, &'a str)], wanted: &str) -> &'a str {
    pairs.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value).unwrap_or_default()
}

/// Text as it may stand in HTML, in an attribute's value too.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What a browser makes of a form's field, undone: `+` is a space and `%41` a byte.
fn decode_form(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => high * 16 + low,
                _ => b'?',
            },
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: Option<u8>) -> Option<u8> {
    digit.and_then(|digit| char::from(digit).to_digit(16)).and_then(|value| u8::try_from(value).ok())
}

#[expect(clippy::disallowed_methods, reason = "the application has no part in deployctl's own file handling")]
fn read_settings(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{decode_form, page};

    #[test]
    fn the_page_shows_what_it_is_given_and_escapes_it() {
        let page = page("title = Guests & friends\ncolour = teal\n", "greeting\tHello <you>\nvisits\t3\nnote\tfirst");
        assert!(page.contains("<title>Guests &amp; friends</title>"), "{page}");
        assert!(page.contains("<p>Hello &lt;you&gt;</p>"), "{page}");
        assert!(page.contains("<li>first</li>") && page.contains("3 visits") && page.contains("solid teal"), "{page}");
    }

    #[test]
    fn a_form_is_decoded_whatever_stands_in_it() {
        assert_eq!(decode_form("a+b%21%C3%A9"), "a b!é");
        assert_eq!(decode_form("%"), "?");
        assert_eq!(decode_form("%zz%4"), "??");
    }
}
