//! `format` and `formatlist`.

use deployctl_sdk::{Number, Value};

use super::super::evaluate::plain_text;
use super::call::{Call, Complaint, Done};
use super::written;

/// The widest a field may be, and the most digits after a point.
const MAX_WIDTH: usize = 10_000;
const MAX_PRECISION: usize = 300;

/// One verb of a pattern: `%-08.2f`.
#[derive(Default)]
struct Verb {
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
    argument: Option<usize>,
    letter: char,
}

pub(super) fn format(call: &mut Call) -> Done {
    let pattern = call.text(0)?;
    let arguments = call.values.get(1..).unwrap_or_default();
    Ok(Value::from(formatted(call, &pattern, arguments)?))
}

/// Formats once for each item of the lists among the arguments.
pub(super) fn format_list(call: &mut Call) -> Done {
    let pattern = call.text(0)?;
    let arguments = call.values.get(1..).unwrap_or_default();
    let mut lengths = arguments.iter().filter_map(Value::as_list).map(<[Value]>::len);
    let length = lengths.next().unwrap_or(1);
    if lengths.any(|other| other != length) {
        return Err(Complaint::whole("all lists must have as many items"));
    }
    call.items(length)?;
    let mut lines = Vec::new();
    let mut made = 0;
    for at in 0..length {
        let row: Vec<Value> = arguments
            .iter()
            .map(|argument| match argument {
                Value::List(items) => items.get(at).cloned().unwrap_or_default(),
                other => other.clone(),
            })
            .collect();
        let line = formatted(call, &pattern, &row)?;
        made += line.len();
        call.room(made)?;
        lines.push(Value::from(line));
    }
    Ok(Value::from(lines))
}

fn formatted(call: &Call, pattern: &str, arguments: &[Value]) -> Done<String> {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut next = 0;
    let mut used = 0;
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let verb = verb(&mut chars)?;
        if verb.letter == '%' {
            out.push('%');
            continue;
        }
        let at = verb.argument.unwrap_or(next);
        next = at + 1;
        used = used.max(next);
        let Some(value) = arguments.get(at) else {
            return Err(Complaint::whole("the pattern has more verbs than there are arguments for it"));
        };
        let text = field(&verb, value, at + 1)?;
        call.room(out.len().saturating_add(text.len()))?;
        out.push_str(&text);
        call.room(out.len())?;
    }
    if used < arguments.len() {
        return Err(Complaint::of(used + 1, "there are more arguments than the pattern has verbs", "not used")
            .with_help("each `%s`, `%d`, … of the pattern takes one argument; `%%` is a percent sign"));
    }
    Ok(out)
}

fn verb(chars: &mut std::iter::Peekable<std::str::Chars>) -> Done<Verb> {
    let mut verb = Verb::default();
    while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '+' | ' ' | '0' | '#')) {
        match flag {
            '-' => verb.minus = true,
            '+' => verb.plus = true,
            ' ' => verb.space = true,
            '0' => verb.zero = true,
            _ => verb.sharp = true,
        }
    }
    verb.width = digits(chars, MAX_WIDTH)?.unwrap_or(0);
    if chars.next_if_eq(&'.').is_some() {
        verb.precision = Some(digits(chars, MAX_PRECISION)?.unwrap_or(0));
    }
    if chars.next_if_eq(&'[').is_some() {
        let at = digits(chars, MAX_WIDTH)?.filter(|at| *at > 0);
        match (at, chars.next()) {
            (Some(at), Some(']')) => verb.argument = Some(at - 1),
            _ => {
                return Err(Complaint::of(
                    0,
                    "`[` in a verb takes the number of an argument, from 1",
                    "in this pattern",
                ));
            }
        }
    }
    verb.letter = chars.next().ok_or_else(|| Complaint::of(0, "the pattern ends within a verb", "ends with `%`"))?;
    Ok(verb)
}

fn digits(chars: &mut std::iter::Peekable<std::str::Chars>, most: usize) -> Done<Option<usize>> {
    let mut number = None;
    while let Some(digit) = chars.next_if(char::is_ascii_digit).and_then(|c| c.to_digit(10)) {
        let value = number.unwrap_or(0) * 10 + digit as usize;
        if value > most {
            return Err(Complaint::of(
                0,
                format!("a width or precision in the pattern is above {most}"),
                "in this pattern",
            ));
        }
        number = Some(value);
    }
    Ok(number)
}

fn field(verb: &Verb, value: &Value, at: usize) -> Done<String> {
    let text = match verb.letter {
        's' | 'q' | 'v' | 't' => text_field(verb, value, at)?,
        'd' | 'f' | 'F' | 'e' | 'E' | 'g' | 'G' | 'b' | 'o' | 'x' | 'X' => number_field(verb, value, at)?,
        other => {
            return Err(Complaint::of(0, "the pattern has a verb that means nothing", "in this pattern")
                .with_detail(format!("`%{other}`"))
                .with_help("the verbs are `%s %q %v %d %f %e %g %b %o %x %t %%`"));
        }
    };
    Ok(padded(verb, text))
}

fn text_field(verb: &Verb, value: &Value, at: usize) -> Done<String> {
    if verb.letter == 't' {
        let truth = match value {
            Value::Bool(value) => *value,
            Value::String(text) if matches!(&**text, "true" | "false") => &**text == "true",
            other => return Err(Complaint::of(at, "`%t` takes a bool", format!("this is {}", other.kind()))),
        };
        return Ok(truth.to_string());
    }
    let mut text = match (verb.letter, plain_text(value)) {
        ('v', _) if verb.sharp => json(value)?,
        ('v', Some(text)) => text.to_string(),
        ('v', None) => json(value)?,
        (_, Some(text)) => text.to_string(),
        (letter, None) => {
            let message = format!("`%{letter}` takes a string");
            return Err(
                Complaint::of(at, message, format!("this is {}", value.kind())).with_help("`%v` formats any value")
            );
        }
    };
    if let Some(precision) = verb.precision {
        text = text.chars().take(precision).collect();
    }
    if verb.letter == 'q' { json(&Value::from(text)) } else { Ok(text) }
}

fn json(value: &Value) -> Done<String> {
    let mut out = String::new();
    written::json(value, &mut out)?;
    Ok(out)
}

fn number_field(verb: &Verb, value: &Value, at: usize) -> Done<String> {
    let letter = verb.letter;
    let number = match value {
        Value::String(text) if matches!(letter, 'x' | 'X') && Number::parse(text).is_err() => {
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            return Ok(if letter == 'X' { hex.to_uppercase() } else { hex });
        }
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => Number::parse(text).ok(),
        _ => None,
    };
    let Some(number) = number else {
        return Err(Complaint::of(at, format!("`%{letter}` takes a number"), format!("this is {}", value.kind())));
    };
    let digits = match letter {
        'd' => number.is_integer().then(|| number.to_string()).ok_or_else(|| not_whole(letter, at))?,
        'b' | 'o' | 'x' | 'X' => {
            let int = number.to_i64().ok_or_else(|| not_whole(letter, at))?;
            let size = int.unsigned_abs();
            let digits = match letter {
                'b' => format!("{size:b}"),
                'o' => format!("{size:o}"),
                'x' => format!("{size:x}"),
                _ => format!("{size:X}"),
            };
            if int < 0 { format!("-{digits}") } else { digits }
        }
        'f' | 'F' => fixed(&number, verb.precision.unwrap_or(6))?,
        'e' | 'E' => exponent(&number, verb.precision.unwrap_or(6), letter),
        _ => match verb.precision {
            None => number.to_string(),
            Some(precision) => significant(&number, precision.max(1), letter),
        },
    };
    let sign = match (verb.plus, verb.space) {
        _ if digits.starts_with('-') => "",
        (true, _) => "+",
        (false, true) => " ",
        (false, false) => "",
    };
    Ok(format!("{sign}{digits}"))
}

fn not_whole(letter: char, at: usize) -> Complaint {
    Complaint::of(at, format!("`%{letter}` takes a whole number"), "not a whole number")
        .with_help("`%f` formats a number with a fraction")
}

/// A number with exactly so many digits after the point, rounded to the nearest, from the middle to the even one. No float is
/// involved.
fn fixed(number: &Number, precision: usize) -> Done<String> {
    let failed = |error: deployctl_sdk::value::NumberError| Complaint::whole(error.to_string());
    let scale = Number::parse(&format!("1e{precision}")).map_err(failed)?;
    let half = Number::parse("0.5").map_err(failed)?;
    let negative = *number < Number::from(0_i64);
    let size = if negative { number.negate() } else { number.clone() };
    let exact = size.multiply(&scale).map_err(failed)?;
    let below = exact.floor();
    let rest = exact.subtract(&below).map_err(failed)?;
    let odd = below.remainder(&Number::from(2_i64)).map_err(failed)? == Number::from(1_i64);
    let up = rest > half || (rest == half && odd);
    let scaled = if up { below.add(&Number::from(1_i64)).map_err(failed)? } else { below };
    let digits = scaled.to_string();
    let digits = format!("{digits:0>width$}", width = precision + 1);
    let (whole, fraction) = digits.split_at_checked(digits.len() - precision).unwrap_or((&digits, ""));
    let sign = if negative && digits.bytes().any(|digit| digit != b'0') { "-" } else { "" };
    let point = if precision == 0 { "" } else { "." };
    Ok(format!("{sign}{whole}{point}{fraction}"))
}

/// The form with an exponent of at least two digits, as `1.500000e+02`.
fn exponent(number: &Number, precision: usize, letter: char) -> String {
    let plain = format!("{:.precision$e}", number.to_f64());
    let (digits, power) = plain.split_once('e').unwrap_or((&plain, "0"));
    let (sign, power) = match power.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', power),
    };
    let text = format!("{digits}e{sign}{power:0>2}");
    if letter == 'E' { text.to_uppercase() } else { text }
}

/// So many significant digits, with an exponent only where the number is very large or very small.
fn significant(number: &Number, precision: usize, letter: char) -> String {
    let float = number.to_f64();
    let power = if float == 0.0 { 0.0 } else { float.abs().log10().floor() };
    if power < -4.0 || power >= precision as f64 {
        let text = exponent(number, precision - 1, if letter == 'G' { 'E' } else { 'e' });
        return text;
    }
    let decimals = (precision as f64 - 1.0 - power).max(0.0) as usize;
    let text = format!("{float:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn padded(verb: &Verb, text: String) -> String {
    let missing = verb.width.saturating_sub(text.chars().count());
    if missing == 0 {
        return text;
    }
    if verb.minus {
        return text + &" ".repeat(missing);
    }
    let numeric = !matches!(verb.letter, 's' | 'q' | 'v' | 't');
    if verb.zero && numeric {
        let (sign, digits) = match text.strip_prefix(['-', '+', ' ']) {
            Some(digits) => (text.get(..1).unwrap_or_default(), digits),
            None => ("", &*text),
        };
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    " ".repeat(missing) + &text
}
