//! Function calls: arguments, marks, and the two functions that catch errors.

use deployctl_sdk::Value;
use hcl_edit::Span as _;
use hcl_edit::expr::{Expression as Tree, FuncCall};

use super::{Eval, Evaluator, Failed, Seen};
use crate::diagnostic::did_you_mean;
use crate::lang::functions::{self, Call, Complaint, Function, Marks};
use crate::lang::limits::{self, sensitive_within};

impl<'e> Evaluator<'e> {
    pub(super) fn call(&mut self, call: &'e FuncCall) -> Eval {
        if call.name.is_namespaced() {
            return self.fail_with_help(
                call.span(),
                "functions have no namespaces here",
                "not a function",
                "`deployctl console` and the reference list the functions there are",
            );
        }
        match call.name.name.as_str() {
            "try" => self.try_each(call),
            "can" => self.can(call),
            name => match functions::find(name) {
                Some(function) => self.call_function(function, call),
                None => self.no_function(name, call),
            },
        }
    }

    fn no_function(&mut self, name: &str, call: &'e FuncCall) -> Eval {
        let near = did_you_mean(name, functions::functions().iter().map(|function| function.name));
        let label = near.map_or("not a function".to_owned(), |near| format!("did you mean `{near}`?"));
        // The arguments' own mistakes are worth telling in the same go.
        let _: Eval<()> = self.fail(call.name.name.span(), format!("there is no function `{name}`"), label);
        for argument in call.args.iter() {
            let _: Eval = self.eval(argument);
        }
        Err(Failed)
    }

    fn call_function(&mut self, function: &'static Function, call: &'e FuncCall) -> Eval {
        let mut arguments = Vec::with_capacity(call.args.len());
        let mut failed = false;
        for argument in call.args.iter() {
            match self.eval(argument) {
                Ok(value) => arguments.push((value, argument)),
                Err(Failed) => failed = true,
            }
        }
        if failed {
            return Err(Failed);
        }
        if call.args.expand_final()
            && let Some((last, argument)) = arguments.pop()
        {
            match self.expand(&last, argument)? {
                Some(items) => arguments.extend(items.into_iter().map(|item| (item, argument))),
                None => {
                    let marked = sensitive_within(&last) || arguments.iter().any(|(value, _)| sensitive_within(value));
                    return Ok(Value::Unknown.with_mark(marked));
                }
            }
        }
        self.check_count(function, arguments.len(), call)?;
        self.apply(function, arguments, call)
    }

    /// The items of the last argument in `f(list...)`; `None` if the list is unknown.
    fn expand(&mut self, value: &Value, argument: &'e Tree) -> Eval<Option<Vec<Value>>> {
        let (plain, marked) = self.look(value);
        match plain {
            Value::Unknown => Ok(None),
            Value::List(items) => {
                self.charge(items.len() * limits::ITEM, argument.span())?;
                Ok(Some(items.iter().map(|item| item.clone().with_mark(marked)).collect()))
            }
            other => {
                let kind = other.kind();
                self.fail(argument.span(), "`...` takes a list", format!("this is {kind}"))
            }
        }
    }

    fn check_count(&mut self, function: &'static Function, count: usize, call: &'e FuncCall) -> Eval<()> {
        if (function.least..=function.most).contains(&count) {
            return Ok(());
        }
        let word = if count < function.least { "few" } else { "many" };
        self.fail_with_help(
            call.span(),
            format!("too {word} arguments for `{}`", function.doc.name),
            match count {
                1 => "1 argument given".to_owned(),
                count => format!("{count} arguments given"),
            },
            format!("it is `{}`", function.doc.signature),
        )
    }

    /// Takes the marks off as the function's rule says, runs it, and puts them onto the result.
    fn apply(&mut self, function: &'static Function, arguments: Vec<(Value, &'e Tree)>, call: &'e FuncCall) -> Eval {
        let mut marked = false;
        let mut unknown = false;
        let mut values = Vec::with_capacity(arguments.len());
        let mut places = Vec::with_capacity(arguments.len());
        for (value, place) in arguments {
            places.push(place.span());
            match function.marks {
                Marks::Own => values.push(value),
                Marks::Top => {
                    let (plain, sensitive) = self.look(&value);
                    marked |= sensitive;
                    unknown |= matches!(plain, Value::Unknown);
                    values.push(if sensitive { plain.clone() } else { value });
                }
                Marks::Whole => {
                    match limits::measure(&value) {
                        // Looking at a long list again and again must end at some time, too.
                        Ok(parts) => self.charge(parts / 16, place.span())?,
                        Err(excess) => return self.fail(place.span(), excess.message(), "this is too much"),
                    }
                    let (sensitive, open) = (value.contains_sensitive(), value.contains_unknown());
                    self.note(sensitive, open);
                    marked |= sensitive;
                    unknown |= open;
                    values.push(if sensitive { value.reveal() } else { value });
                }
            }
        }
        if unknown {
            let marked = marked || values.iter().any(sensitive_within);
            return Ok(Value::Unknown.with_mark(marked));
        }
        let mut context = Call { evaluator: self, values: &values, site: call.span().map_or(0, |range| range.start) };
        let result = (function.run)(&mut context);
        match result {
            Ok(value) => {
                self.charge_result(&value, call)?;
                Ok(value.with_mark(marked))
            }
            Err(complaint) => self.complain_of(complaint, function, marked, &places, call),
        }
    }

    fn charge_result(&mut self, value: &Value, call: &'e FuncCall) -> Eval<()> {
        let size = match value.unmark().0 {
            Value::String(text) => text.len(),
            Value::List(items) => items.len() * limits::ITEM,
            Value::Map(members) => members.len() * 2 * limits::ITEM,
            _ => 0,
        };
        self.charge(size, call.span())
    }

    fn complain_of(
        &mut self,
        complaint: Complaint,
        function: &'static Function,
        marked: bool,
        places: &[Option<std::ops::Range<usize>>],
        call: &'e FuncCall,
    ) -> Eval {
        let place = complaint.argument.and_then(|at| places.get(at).or(places.last()).cloned().flatten());
        let range = place.or_else(|| call.span());
        let mut message = format!("`{}`: {}", function.doc.name, complaint.message);
        // What is said about a value may hold the value; it stays unsaid where any of them is sensitive.
        if let Some(detail) = complaint.detail.filter(|_| !marked) {
            message.push_str(": ");
            message.push_str(&detail);
        }
        let help = complaint.help.unwrap_or_else(|| format!("it is `{}`", function.doc.signature));
        self.fail_with_help(range, message, complaint.label, help)
    }

    /// `try(a, b, …)`: the first one that has no error.
    fn try_each(&mut self, call: &'e FuncCall) -> Eval {
        let outer = std::mem::take(&mut self.seen);
        let result = self.try_arguments(call);
        self.note(outer.sensitive, outer.unknown);
        result
    }

    fn try_arguments(&mut self, call: &'e FuncCall) -> Eval {
        let complaints = self.diagnostics.len();
        for argument in call.args.iter() {
            let bound = self.locals.len();
            match self.eval(argument) {
                // What it looked into is not known yet: then neither is whether it will have an error.
                Ok(value) if self.seen.unknown => {
                    return Ok(Value::Unknown.with_mark(self.seen.sensitive || sensitive_within(&value)));
                }
                // An earlier argument failed on something sensitive, so that this one is taken says something about it.
                Ok(value) => {
                    let marked = self.seen.sensitive && self.diagnostics.len() > complaints;
                    self.diagnostics.truncate(complaints);
                    return Ok(value.with_mark(marked));
                }
                Err(Failed) => self.locals.truncate(bound),
            }
            if self.spent() {
                return Err(Failed);
            }
        }
        self.diagnostics.truncate(complaints);
        self.fail_with_help(
            call.span(),
            "`try`: every argument has an error",
            "none of them works",
            "end it with a value that cannot fail, as in `try(…, null)`",
        )
    }

    /// `can(a)`: whether it has no error.
    fn can(&mut self, call: &'e FuncCall) -> Eval {
        let [argument] = call.args.iter().collect::<Vec<_>>()[..] else {
            return self.fail_with_help(
                call.span(),
                "`can` takes one argument",
                format!("{} given", call.args.len()),
                "it is `can(expression)`",
            );
        };
        let outer = std::mem::take(&mut self.seen);
        let complaints = self.diagnostics.len();
        let bound = self.locals.len();
        let result = self.eval(argument);
        self.locals.truncate(bound);
        let Seen { sensitive, unknown } = self.seen;
        self.note(outer.sensitive, outer.unknown);
        let answer = match result {
            Err(Failed) if self.spent() => return Err(Failed),
            Err(Failed) => {
                self.diagnostics.truncate(complaints);
                Value::Bool(false)
            }
            Ok(value) if unknown || value.is_unknown() => Value::Unknown,
            Ok(_) => Value::Bool(true),
        };
        Ok(answer.with_mark(sensitive))
    }

    /// Whether the limit of the evaluation is used up, which no `try` may catch.
    fn spent(&self) -> bool {
        self.made > limits::MAX_MADE
    }
}
