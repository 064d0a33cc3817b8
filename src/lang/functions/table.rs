//! The list of all functions, sorted by name: it is searched by halves.

use super::Marks::{Own, Top, Whole};
use super::{Function, FunctionDoc, Marks, call::Call, call::Done};
use super::{collection, conversion, encoding, filesystem, format, number, outside, set, string};

/// Any number of arguments.
const MANY: usize = usize::MAX;

type Run = fn(&mut Call<'_, '_>) -> Done;

/// One line of the table: the signature, how few and how many arguments, the rule for marks, the code, the doc.
const fn entry(
    name: &'static str,
    signature: &'static str,
    (least, most): (usize, usize),
    marks: Marks,
    run: Run,
    doc: &'static str,
) -> Function {
    Function { doc: FunctionDoc { name, signature, doc }, least, most, marks, run }
}

/// The functions whose arguments are evaluated by the evaluator as it goes.
pub(super) const LAZY: [FunctionDoc; 2] = [
    FunctionDoc {
        name: "can",
        signature: "can(expression)",
        doc: "Whether the expression can be evaluated without an error.",
    },
    FunctionDoc {
        name: "try",
        signature: "try(expression, ...)",
        doc: "The first of the expressions that can be evaluated without an error.",
    },
];

/// All others.
#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    entry("abs", "abs(number)", (1, 1), Whole, number::abs, "The number without its sign."),
    entry("abspath", "abspath(path)", (1, 1), Whole, filesystem::abs_path, "The absolute path of a path that starts at the configuration's folder. What it answers differs from checkout to checkout."),
    entry("alltrue", "alltrue(list)", (1, 1), Own, collection::all_true, "Whether every item is true; an empty list is."),
    entry("anytrue", "anytrue(list)", (1, 1), Own, collection::any_true, "Whether any item is true; in an empty list none is."),
    entry("base64decode", "base64decode(string)", (1, 1), Whole, encoding::base64_decode, "The text that is encoded in base64."),
    entry("base64encode", "base64encode(string)", (1, 1), Whole, encoding::base64_encode, "The text encoded in base64."),
    entry("basename", "basename(path)", (1, 1), Whole, filesystem::base_name, "The last part of a path."),
    entry("ceil", "ceil(number)", (1, 1), Whole, number::ceil, "The nearest whole number not below the number."),
    entry("chomp", "chomp(string)", (1, 1), Whole, string::chomp, "The string without line ends at its end."),
    entry("chunklist", "chunklist(list, size)", (2, 2), Top, collection::chunk_list, "The list cut into lists of at most `size` items."),
    entry("coalesce", "coalesce(value, ...)", (1, MANY), Own, collection::coalesce, "The first argument that is neither null nor an empty string."),
    entry("coalescelist", "coalescelist(list, ...)", (1, MANY), Top, collection::coalesce_list, "The first list that is not empty."),
    entry("compact", "compact(list)", (1, 1), Whole, collection::compact, "The list without nulls and empty strings."),
    entry("concat", "concat(list, ...)", (0, MANY), Top, collection::concat, "The lists one after the other as one list."),
    entry("contains", "contains(list, value)", (2, 2), Whole, collection::contains, "Whether the list has the value as an item."),
    entry("dirname", "dirname(path)", (1, 1), Whole, filesystem::dir_name, "A path without its last part."),
    entry("distinct", "distinct(list)", (1, 1), Whole, set::distinct, "The list without repetitions; the first of each stays where it is."),
    entry("element", "element(list, index)", (2, 2), Top, collection::element, "The item at an index that wraps around at the end; -1 is the last one."),
    entry("endswith", "endswith(string, suffix)", (2, 2), Whole, string::ends_with, "Whether the string ends with the suffix."),
    entry("env", "env(name, default)", (1, 2), Whole, outside::env, "The environment variable of that name, or the default, or null. What it answers is remembered as an input of the run."),
    entry("file", "file(path)", (1, 1), Whole, filesystem::file, "The text of a file. The path starts at the configuration's folder."),
    entry("filebase64", "filebase64(path)", (1, 1), Whole, filesystem::file_base64, "The content of a file in base64, for what is not text."),
    entry("fileexists", "fileexists(path)", (1, 1), Whole, filesystem::file_exists, "Whether there is a file at the path."),
    entry("fileset", "fileset(folder, pattern)", (2, 2), Whole, filesystem::file_set, "The files below a folder that match a pattern with `*`, `**`, `?`, `{a,b}`, sorted, as paths from that folder."),
    entry("filesha256", "filesha256(path)", (1, 1), Whole, filesystem::file_sha256, "The SHA-256 of a file, in hexadecimal."),
    entry("flatten", "flatten(list)", (1, 1), Top, collection::flatten, "The list with the items of lists in it instead of those lists."),
    entry("floor", "floor(number)", (1, 1), Whole, number::floor, "The nearest whole number not above the number."),
    entry("format", "format(pattern, value, ...)", (1, MANY), Whole, format::format, "The pattern with the values in the places of its verbs: `%s %d %f %q %v %x %t`, with widths as in `%-10s` and `%05.2f`."),
    entry("formatdate", "formatdate(pattern, time)", (2, 2), Whole, outside::format_date, "A time in the form of a pattern such as `YYYY-MM-DD hh:mm:ss`."),
    entry("formatlist", "formatlist(pattern, value, ...)", (1, MANY), Whole, format::format_list, "Like `format`, once for each item of the lists among the values."),
    entry("indent", "indent(width, string)", (2, 2), Whole, string::indent, "The string with every line but the first moved to the right."),
    entry("index", "index(list, value)", (2, 2), Whole, collection::index, "The position of the first item that equals the value."),
    entry("issensitive", "issensitive(value)", (1, 1), Own, conversion::is_sensitive, "Whether the value is marked sensitive."),
    entry("join", "join(separator, list)", (2, MANY), Whole, string::join, "The items of a list of strings as one string, the separator between them."),
    entry("jsondecode", "jsondecode(string)", (1, 1), Whole, encoding::json_decode, "The value that the JSON text describes. Numbers stay exact."),
    entry("jsonencode", "jsonencode(value)", (1, 1), Whole, encoding::json_encode, "The value as JSON, keys sorted, numbers exact."),
    entry("keys", "keys(map)", (1, 1), Top, collection::keys, "The keys of a map, sorted."),
    entry("length", "length(value)", (1, 1), Top, collection::length, "How many items a list, members a map or characters a string has."),
    entry("lookup", "lookup(map, key, default)", (2, 3), Top, collection::lookup, "The member of that key, or the default."),
    entry("lower", "lower(string)", (1, 1), Whole, string::lower, "The string in lower case."),
    entry("max", "max(number, ...)", (1, MANY), Whole, number::max, "The largest of the numbers."),
    entry("merge", "merge(map, ...)", (0, MANY), Top, collection::merge, "All members of the maps in one map; of two with one key the later counts."),
    entry("min", "min(number, ...)", (1, MANY), Whole, number::min, "The smallest of the numbers."),
    entry("nonsensitive", "nonsensitive(value)", (1, 1), Own, conversion::nonsensitive, "The value without its sensitive mark. It will be shown and stored in clear."),
    entry("one", "one(list)", (1, 1), Top, collection::one, "The only item of a list, or null if the list is empty."),
    entry("parseint", "parseint(string, base)", (2, 2), Whole, number::parse_int, "The whole number that the string is in that base."),
    entry("pathexpand", "pathexpand(path)", (1, 1), Whole, filesystem::path_expand, "The path with a leading `~` replaced by the home folder."),
    entry("pow", "pow(base, exponent)", (2, 2), Whole, number::pow, "The base to the power of a whole number."),
    entry("range", "range(start, limit, step)", (1, 3), Whole, collection::range, "The numbers from the start up to but without the limit. `range(n)` starts at 0."),
    entry("regex", "regex(pattern, string)", (2, 2), Whole, string::regex, "What the pattern matches first: the match, or a list of its groups, or a map of its named groups."),
    entry("regexall", "regexall(pattern, string)", (2, 2), Whole, string::regex_all, "A list of everything the pattern matches."),
    entry("replace", "replace(string, text, with)", (3, 3), Whole, string::replace, "The string with a text in it replaced. Between slashes the text is a regular expression."),
    entry("reverse", "reverse(list)", (1, 1), Top, collection::reverse, "The list from its end to its start."),
    entry("sensitive", "sensitive(value)", (1, 1), Own, conversion::sensitive, "The value marked sensitive: it is shown nowhere and rests encrypted."),
    entry("setintersection", "setintersection(list, ...)", (1, MANY), Whole, set::intersection, "What is in all of the lists."),
    entry("setsubtract", "setsubtract(list, without)", (2, 2), Whole, set::subtract, "What is in the first list and not in the second."),
    entry("setunion", "setunion(list, ...)", (1, MANY), Whole, set::union, "What is in any of the lists."),
    entry("sha256", "sha256(string)", (1, 1), Whole, encoding::sha256, "The SHA-256 of the string, in hexadecimal."),
    entry("signum", "signum(number)", (1, 1), Whole, number::signum, "-1, 0 or 1, as the number is below, equal to or above zero."),
    entry("slice", "slice(list, start, end)", (3, 3), Top, collection::slice, "The items from the start up to but without the end."),
    entry("sort", "sort(list)", (1, 1), Whole, collection::sort, "The strings of a list in the order of their characters."),
    entry("split", "split(separator, string)", (2, 2), Whole, string::split, "The parts of a string between the separators."),
    entry("startswith", "startswith(string, prefix)", (2, 2), Whole, string::starts_with, "Whether the string begins with the prefix."),
    entry("strrev", "strrev(string)", (1, 1), Whole, string::reverse, "The characters of the string from its end to its start."),
    entry("substr", "substr(string, offset, length)", (3, 3), Whole, string::substr, "A part of the string, counted in characters. A negative offset counts from the end, the length -1 means the rest."),
    entry("sum", "sum(list)", (1, 1), Whole, number::sum, "The sum of a list of numbers."),
    entry("templatefile", "templatefile(path, variables)", (2, 2), Own, filesystem::template_file, "The text of a template file, with the variables in its `${ }` and `%{ }`."),
    entry("timeadd", "timeadd(time, duration)", (2, 2), Whole, outside::time_add, "The time that is a duration such as `1h30m` later."),
    entry("timestamp", "timestamp()", (0, 0), Whole, outside::timestamp, "The time of the run in UTC. It is the same whenever it is asked for in one run, and another one in the next."),
    entry("title", "title(string)", (1, 1), Whole, string::title, "The string with the first letter of each word in upper case."),
    entry("tobool", "tobool(value)", (1, 1), Whole, conversion::to_bool, "The value as a bool."),
    entry("tolist", "tolist(value)", (1, 1), Top, conversion::to_list, "The value as a list whose items have one type."),
    entry("tomap", "tomap(value)", (1, 1), Top, conversion::to_map, "The value as a map whose members have one type."),
    entry("tonumber", "tonumber(value)", (1, 1), Whole, conversion::to_number, "The value as a number."),
    entry("toset", "toset(value)", (1, 1), Whole, conversion::to_set, "The list without repetitions, sorted."),
    entry("tostring", "tostring(value)", (1, 1), Whole, conversion::to_string, "The value as a string."),
    entry("trim", "trim(string, characters)", (2, 2), Whole, string::trim, "The string without the given characters at its ends."),
    entry("trimprefix", "trimprefix(string, prefix)", (2, 2), Whole, string::trim_prefix, "The string without the prefix, if it begins with it."),
    entry("trimspace", "trimspace(string)", (1, 1), Whole, string::trim_space, "The string without white space at its ends."),
    entry("trimsuffix", "trimsuffix(string, suffix)", (2, 2), Whole, string::trim_suffix, "The string without the suffix, if it ends with it."),
    entry("type", "type(value)", (1, 1), Own, conversion::type_of, "The type of a value, in words. For the console."),
    entry("upper", "upper(string)", (1, 1), Whole, string::upper, "The string in upper case."),
    entry("urlencode", "urlencode(string)", (1, 1), Whole, encoding::url_encode, "The string as it may stand in the query of a URL."),
    entry("uuid", "uuid()", (0, 0), Whole, outside::uuid, "A random id. It is the same for the same place in one run, and another one in the next."),
    entry("values", "values(map)", (1, 1), Top, collection::values, "The members of a map, in the order of their keys."),
    entry("yamldecode", "yamldecode(string)", (1, 1), Whole, encoding::yaml_decode, "The value that the YAML text describes. Only `true` and `false` are bools."),
    entry("yamlencode", "yamlencode(value)", (1, 1), Whole, encoding::yaml_encode, "The value as YAML, keys sorted, strings quoted."),
    entry("zipmap", "zipmap(keys, values)", (2, 2), Top, collection::zip_map, "A map of a list of keys and a list of values."),
];
