//! The environment variables that deployctl knows: the one place where their names stand, and where they and the flags
//! become settings (flags first, then variables, then defaults).

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::args::{ColorWhen, Global, LogFormat};
use crate::error::{Error, Result};

/// The configuration's folder, as `-C`.
pub const DIR: &str = "DEPLOYCTL_DIR";
/// The environment to work on, as `--env`.
pub const ENV: &str = "DEPLOYCTL_ENV";
/// When to colour, as `--color`.
pub const COLOR: &str = "DEPLOYCTL_COLOR";
/// What to log, as `--log-level`.
pub const LOG: &str = "DEPLOYCTL_LOG";
/// How to log, as `--log-format`.
pub const LOG_FORMAT: &str = "DEPLOYCTL_LOG_FORMAT";
/// How many actions at once, as `--parallelism`.
pub const PARALLELISM: &str = "DEPLOYCTL_PARALLELISM";
/// How long to wait for a lock, as `--lock-timeout`.
pub const LOCK_TIMEOUT: &str = "DEPLOYCTL_LOCK_TIMEOUT";
/// What a configuration's variables begin with: `DEPLOYCTL_VAR_tag` sets `var.tag`.
pub const VARIABLE_PREFIX: &str = "DEPLOYCTL_VAR_";

/// The program's environment, read once.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

/// What the flags and the environment say together.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The configuration's folder.
    pub dir: PathBuf,
    /// The environment to work on.
    pub environment: Option<String>,
    /// Whether a flag named it.
    pub environment_from_flag: bool,
    /// Variables from flags.
    pub variables: Vec<(String, String)>,
    /// Files of variables.
    pub variable_files: Vec<PathBuf>,
    /// Variables from the environment.
    pub environment_variables: Vec<(String, String)>,
    /// Whether results are for programs.
    pub json: bool,
    /// When to colour.
    pub color: ColorWhen,
    /// What to log, if anything.
    pub log: Option<String>,
    /// How to log.
    pub log_format: LogFormat,
    /// How many actions at once, where a flag does not say.
    pub parallelism: Option<usize>,
    /// How long to wait for a lock, where a flag does not say.
    pub lock_timeout: Option<String>,
}

impl Environment {
    /// The process's own. A variable that is not Unicode is none of ours.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { variables: std::env::vars_os().filter_map(text).collect() }
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// When to colour: the flag, then our variable, then what everybody's `NO_COLOR` says.
    pub fn color_choice(&self, flag: Option<ColorWhen>) -> ColorWhen {
        let named = self.get(COLOR).and_then(|when| match when {
            "always" => Some(ColorWhen::Always),
            "never" => Some(ColorWhen::Never),
            _ => None,
        });
        let plain = (self.get("NO_COLOR").is_some() || self.get("TERM") == Some("dumb")).then_some(ColorWhen::Never);
        flag.or(named).or(plain).unwrap_or(ColorWhen::Auto)
    }

    /// The settings.
    pub fn settle(&self, global: Global) -> Result<Settings> {
        let parallelism = self.get(PARALLELISM).map(|text| match text.parse() {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(Error::usage(format!("{PARALLELISM} is `{text}`, and must be a whole number above 0"))),
        });
        let log_format = match (global.log_format, self.get(LOG_FORMAT)) {
            (Some(format), _) => format,
            (None, None | Some("text")) => LogFormat::Text,
            (None, Some("json")) => LogFormat::Json,
            (None, Some(other)) => {
                return Err(Error::usage(format!("{LOG_FORMAT} is `{other}`, and must be `text` or `json`")));
            }
        };
        let variables = self.variables.iter().filter_map(|(name, value)| {
            Some((name.strip_prefix(VARIABLE_PREFIX)?.to_owned(), value.clone())).filter(|(name, _)| !name.is_empty())
        });
        Ok(Settings {
            dir: global.dir.or_else(|| self.get(DIR).map(PathBuf::from)).unwrap_or_else(|| PathBuf::from(".")),
            environment_from_flag: global.env.is_some(),
            environment: global.env.or_else(|| self.get(ENV).map(str::to_owned)),
            variables: global.var,
            variable_files: global.var_file,
            environment_variables: variables.collect(),
            json: global.json,
            color: self.color_choice(if global.no_color { Some(ColorWhen::Never) } else { global.color }),
            log: global.log_level.map(|level| level.to_string()).or_else(|| self.get(LOG).map(str::to_owned)),
            log_format,
            parallelism: parallelism.transpose()?,
            lock_timeout: self.get(LOCK_TIMEOUT).map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_stand_above_variables() {
        let variables = [(ENV, "prod"), (DIR, "/a"), ("NO_COLOR", "1"), ("DEPLOYCTL_VAR_tag", "1.0"), (LOG, "")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment { variables: variables.into() };
        let flags = Global { env: Some("test".to_owned()), color: Some(ColorWhen::Always), ..Global::default() };
        let settings = environment.settle(flags).unwrap();
        assert_eq!(settings.environment.as_deref(), Some("test"));
        assert_eq!(settings.dir, PathBuf::from("/a"));
        assert_eq!(settings.color, ColorWhen::Always);
        assert_eq!(settings.environment_variables, [("tag".to_owned(), "1.0".to_owned())]);
        assert_eq!(settings.log, None);
        assert_eq!(environment.settle(Global::default()).unwrap().color, ColorWhen::Never);
    }
}
