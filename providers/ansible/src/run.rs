//! One run of `ansible-playbook`, for check or for good, from its command line to what it came to.

use std::path::{Path, PathBuf};

use deployctl_sdk::mask::Mask;
use deployctl_sdk::program::{self, Ask, Invocation, Stream};
use deployctl_sdk::{AttrPath, CapturedFile, ErrorKind, Files, Object, Place, ProviderError, Value};
use tokio_util::sync::CancellationToken;

use crate::callback;
use crate::config::{number, text, texts};
use crate::failure;
use crate::inventory::{self, Inventory};
use crate::settings;
use crate::tally::Tally;
use crate::workspace::Workspace;

/// What marks a file that a vault has sealed, in whole or in part.
const VAULT: &[u8] = b"$ANSIBLE_VAULT;";

/// Files up to this length are searched for sealed values inside them.
const SEARCHED: usize = 4 * 1024 * 1024;

/// What is to be run.
pub(crate) struct Order<'o> {
    /// Where.
    pub(crate) place: &'o Place,
    /// The settled configuration.
    pub(crate) config: &'o Value,
    /// The playbook, as the configuration has it.
    pub(crate) playbook: &'o str,
    /// What was captured with it.
    pub(crate) captured: &'o [CapturedFile],
    /// Where that is laid out.
    pub(crate) workspace: &'o Workspace,
    /// What must not be seen.
    pub(crate) mask: &'o Mask,
    /// Files that were captured with the run before and are others now: what a vault held in them may still be on the hosts.
    pub(crate) former: &'o [PathBuf],
    /// Whether nothing is to be changed.
    pub(crate) check: bool,
    /// Only these hosts, in the place of `limit`.
    pub(crate) hosts: Option<&'o [String]>,
}

impl Order<'_> {
    /// Runs it. That hosts failed or could not be reached is in the answer.
    ///
    /// # Errors
    /// When it could not be run at all, or was cancelled before it did anything.
    pub(crate) async fn run(
        &self,
        cancel: &CancellationToken,
        say: &(dyn Fn(String) + Sync),
    ) -> Result<Run, ProviderError> {
        let invocation = self.invocation()?;
        // A version that is too old is stopped before it does anything.
        let stop = cancel.child_token();
        let mut tally = Tally::new(self.mask.clone());
        let ended = invocation.stream(&stop, |stream, line| {
            if stream != Stream::Stdout || line.is_empty() {
                return;
            }
            if let Some(progress) = tally.take(line) {
                say(progress);
            }
            if failure::is_too_old(&tally) {
                stop.cancel();
            }
        });
        let ended = ended.await.map_err(|error| failure::not_started(&error))?;
        let cancelled = cancel.is_cancelled() && ended.stopped.is_some();
        if cancelled && !tally.began {
            return Err(ProviderError::new(ErrorKind::Cancelled, "the playbook was cancelled before its first task"));
        }
        if !cancelled {
            failure::of_the_run(self, &ended, &tally)?;
        }
        Ok(Run { tally, cancelled })
    }

    fn invocation(&self) -> Result<Invocation, ProviderError> {
        let (place, workspace) = (self.place, self.workspace);
        let binary = text(self.config, "binary").unwrap_or_else(|| "ansible-playbook".to_owned());
        let found = program::find(&binary, &place.root).ok_or_else(|| failure::no_binary(&binary))?;
        let plugin = workspace.write(&format!("plugins/{}.py", callback::NAME), callback::SOURCE.as_bytes())?;
        let plugins = plugin.parent().unwrap_or(Path::new(".")).to_owned();
        let vaults = workspace.write("vaults", self.vaults().as_bytes())?;
        let mut invocation = Invocation::new(found);
        if !self.check {
            // In the middle of a task it would leave half of it done.
            invocation = invocation.outlives_us(workspace.outlet());
        }
        let mut invocation = invocation
            .args(self.arguments()?)
            .current_dir(&place.root)
            .patience(Ask::Interrupt, Some(failure::PATIENCE))
            .env("ANSIBLE_CALLBACK_PLUGINS", also(&plugins, "ANSIBLE_CALLBACK_PLUGINS"))
            .env("ANSIBLE_STDOUT_CALLBACK", callback::NAME)
            .env(callback::VAULTS, vaults)
            .env("ANSIBLE_NOCOLOR", "1")
            .env("ANSIBLE_RETRY_FILES_ENABLED", "0")
            .env("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "1")
            // Nobody is there to answer: what would ask at the terminal is refused instead of waited for.
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("SSH_ASKPASS", "false")
            .without_env("ANSIBLE_FORCE_COLOR")
            .without_env("ANSIBLE_CHECK_MODE_MARKERS");
        if let Some(file) = settings::chosen(self.config, self.captured) {
            invocation = invocation.env("ANSIBLE_CONFIG", workspace.at(&file.path, &place.root));
        }
        if let Some(path) = text(self.config, "collections_path") {
            let path = workspace.at(&path, &place.root);
            invocation = invocation.env("ANSIBLE_COLLECTIONS_PATH", also(&path, "ANSIBLE_COLLECTIONS_PATH"));
        }
        Ok(invocation)
    }

    fn arguments(&self) -> Result<Vec<std::ffi::OsString>, ProviderError> {
        let (config, workspace, root) = (self.config, self.workspace, &self.place.root);
        let mut arguments: Vec<std::ffi::OsString> = Vec::new();
        let mut add = |name: &str, value: &std::ffi::OsStr| {
            let mut argument = std::ffi::OsString::from(name);
            argument.push(value);
            arguments.push(argument);
        };
        match inventory::of(config) {
            Some(Inventory::Paths(paths)) => {
                paths.iter().for_each(|path| add("--inventory=", workspace.at(path, root).as_os_str()));
            }
            Some(Inventory::Hosts(hosts)) => add("--inventory=", hosts.as_ref()),
            Some(Inventory::Groups(groups)) => {
                let json = inventory::to_json(&groups).map_err(|_| unwritable("inventory"))?;
                add("--inventory=", workspace.write("inventory.json", &json)?.as_os_str());
            }
            None => {}
        }
        match self.hosts {
            Some(hosts) => {
                let list = workspace
                    .write(&format!("hosts.{}", deployctl_sdk::ResourceId::random()), hosts.join("\n").as_bytes())?;
                add("--limit=@", list.as_os_str());
            }
            None => text(config, "limit").iter().for_each(|limit| add("--limit=", limit.as_ref())),
        }
        let tags = texts(config, "tags");
        if !tags.is_empty() {
            add("--tags=", tags.join(",").as_ref());
        }
        if let Some(variables) = config.get("extra_vars") {
            let json = serde_json::to_vec(&variables.reveal()).map_err(|_| unwritable("extra_vars"))?;
            add("--extra-vars=@", workspace.write("extra_vars.json", &json)?.as_os_str());
        }
        for (attribute, option) in
            [("vault_password_file", "--vault-password-file="), ("private_key_file", "--private-key=")]
        {
            if let Some(path) = text(config, attribute) {
                let path = from_home(&path).unwrap_or_else(|| root.join(&path));
                if !path.is_file() {
                    let message = format!("there is no file {}", path.display());
                    return Err(ProviderError::invalid(AttrPath::of(attribute), message));
                }
                add(option, path.as_os_str());
            }
        }
        if let Some(forks) = number(config, "forks") {
            add("--forks=", forks.to_string().as_ref());
        }
        let flags = [
            ("--become", config.get("become").and_then(Value::as_bool) == Some(true)),
            ("--check", self.check),
            ("--diff", self.check),
        ];
        flags.iter().filter(|(_, set)| *set).for_each(|(flag, _)| add(flag, "".as_ref()));
        add("", workspace.at(self.playbook, root).as_os_str());
        Ok(arguments)
    }

    /// The captured files in which something is sealed, one in a line.
    fn vaults(&self) -> String {
        let paths = self.captured.iter().map(|file| self.workspace.at(&file.path, &self.place.root));
        let paths = paths.chain(self.former.iter().cloned());
        let sealed = paths.filter(|path| deployctl_sdk::fs::read(path).is_ok_and(|bytes| is_sealed(&bytes)));
        sealed.map(|path| format!("{}\n", path.display())).collect()
    }
}

/// Lays the files out that a vault sealed in the run before and that are others now.
///
/// # Errors
/// When one of them cannot be written.
pub(crate) fn former(
    workspace: &Workspace,
    recorded: Option<&Object>,
    captured: &[CapturedFile],
    files: &dyn Files,
) -> Result<Vec<PathBuf>, ProviderError> {
    let before = recorded.map(|object| object.captured.as_slice()).unwrap_or_default();
    let gone = before.iter().filter(|file| !captured.iter().any(|now| now.digest == file.digest));
    // A content that is nowhere any more can be read by nobody, a rollback included.
    let contents = gone.filter_map(|file| Some((file, files.content(&file.digest).ok()?)));
    contents
        .filter(|(_, bytes)| is_sealed(bytes))
        .map(|(file, bytes)| workspace.write(&format!("former/{}", file.digest), &bytes))
        .collect()
}

/// What a run came to.
pub(crate) struct Run {
    /// All that it said.
    pub(crate) tally: Tally,
    /// Whether it was cancelled on the way.
    pub(crate) cancelled: bool,
}

/// A path list with one more in front of what the environment has already.
fn also(path: &Path, variable: &str) -> std::ffi::OsString {
    let mut list = path.as_os_str().to_owned();
    if let Some(more) = std::env::var_os(variable).filter(|more| !more.is_empty()) {
        list.push(":");
        list.push(more);
    }
    list
}

fn from_home(path: &str) -> Option<PathBuf> {
    let below = path.strip_prefix("~/")?;
    std::env::var_os("HOME").map(|home| Path::new(&home).join(below))
}

/// Whether a vault has sealed the file, or something in it; within large files nobody writes single values.
fn is_sealed(bytes: &[u8]) -> bool {
    let searched = if bytes.len() > SEARCHED { bytes.get(..VAULT.len()).unwrap_or_default() } else { bytes };
    searched.windows(VAULT.len()).any(|window| window == VAULT)
}

fn unwritable(attribute: &str) -> ProviderError {
    ProviderError::invalid(AttrPath::of(attribute), format!("`{attribute}` cannot be written as JSON"))
}
