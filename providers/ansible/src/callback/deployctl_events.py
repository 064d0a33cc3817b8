"""Says what a playbook does, as one line of JSON for each event, to the deployctl that started it.

The lines go to what was standard output when Ansible began; everything else that is printed goes to standard error, so
that the two never mix. Nothing of a result that `no_log` hides is said, and what vaults hold is masked in every text.
Written for every Ansible from 2.12 on, so nothing of Ansible's insides is used that is not there in all of them.
"""

DOCUMENTATION = """
name: deployctl_events
type: stdout
short_description: one line of JSON for each event
description: Tells deployctl what a playbook does.
options: {}
"""

import base64
import json
import os
import re
import signal
import threading
import time

from ansible.plugins.callback import CallbackBase
from ansible.release import __version__

# The version of what is said here.
PROTOCOL = 1

# As deployctl prints what must not be seen.
HIDDEN = "(sensitive value)"

# Shorter texts are not masked: they turn up everywhere, and masking them would give them away.
SHORTEST = 4

# The most of one text that is passed on.
LONGEST = 64 * 1024

# What runs something that nobody can foresee.
COMMANDS = {"command", "shell", "raw", "script", "expect", "win_command", "win_shell", "win_psexec", "psexec"}

# What harms nobody when `check_mode: false` has it run in a check run.
HARMLESS = {
    "add_host", "assert", "debug", "fail", "gather_facts", "getent", "group_by", "include_role", "include_tasks",
    "include_vars", "import_role", "import_tasks", "meta", "pause", "ping", "service_facts", "package_facts", "set_fact",
    "set_stats", "setup", "slurp", "stat", "wait_for", "wait_for_connection",
}

# What always has a check mode, so that being left out in one is the doing of a condition.
FORESEEN = HARMLESS | {
    "apt", "blockinfile", "copy", "cron", "dnf", "file", "group", "lineinfile", "package", "replace", "service",
    "systemd", "systemd_service", "template", "user", "yum",
}

VAULT = re.compile(rb"\$ANSIBLE_VAULT;[^\n]*(?:\r?\n[ \t]*[0-9a-f]+[ \t]*)+")


def texts_of(value, found):
    """The texts in something read from a file of variables."""
    if isinstance(value, dict):
        for member in value.values():
            texts_of(member, found)
    elif isinstance(value, (list, tuple)):
        for item in value:
            texts_of(item, found)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        found.add(str(value))


def secrets_of(plain):
    """The texts that must not be seen of what a vault holds: each value where it is a file of variables, and each line."""
    text = plain.decode("utf-8", "replace")
    found = set()
    parsed = None
    try:
        import yaml

        parsed = yaml.load(text, Loader=yaml.BaseLoader)
        texts_of(parsed, found)
    except Exception:
        pass
    if not isinstance(parsed, (dict, list)):
        found.add(text.strip())
    lines = {line.strip() for secret in found for line in secret.splitlines()}
    whole = {secret.strip() for secret in found} | lines
    plain_ones = {secret for secret in whole if len(secret) >= SHORTEST}
    coded = set()
    for secret in plain_ones:
        for form in (secret, secret + "\n"):
            coded.add(base64.b64encode(form.encode()).decode())
    return plain_ones | coded


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "deployctl_events"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.main = os.getpid()
        self.out = os.dup(1)
        os.dup2(2, 1)
        self.secrets = []
        self.hidden_facts = set()
        self.all_facts_hidden = False
        self.order = {}
        self.check = False
        self.starter = os.getppid()
        threading.Thread(target=self._watch, daemon=True).start()
        self._say({"event": "start", "protocol": PROTOCOL, "version": str(__version__)})

    def _watch(self):
        """Ends the run when whoever started it is gone: nobody would ever record what it does."""
        while os.getpid() == self.main:
            if os.getppid() != self.starter:
                self._end()
                return
            time.sleep(0.2)

    def _end(self):
        if os.getpid() != self.main or os.getppid() == self.starter:
            return
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        os.killpg(0, signal.SIGKILL)

    def _say(self, event):
        line = (json.dumps(event, default=str) + "\n").encode()
        try:
            while line:
                line = line[os.write(self.out, line):]
        except OSError:
            self._end()

    def _text(self, value):
        text = value if isinstance(value, str) else str(value)
        for secret in self.secrets:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return text if len(text) <= LONGEST else text[:LONGEST] + "\n(cut)"

    def _value(self, value):
        """Any value as plain data, its texts masked."""
        if isinstance(value, dict):
            return {self._text(key): self._value(member) for key, member in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._value(item) for item in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self._text(value)

    # The playbook and its plays.

    def v2_playbook_on_start(self, playbook):
        found = set()
        vault = getattr(getattr(playbook, "_loader", None), "_vault", None)
        for path in self._vault_files():
            try:
                with open(path, "rb") as file:
                    content = file.read()
            except OSError:
                continue
            for sealed in VAULT.findall(content):
                try:
                    lines = [line.strip() for line in sealed.splitlines()]
                    found |= secrets_of(vault.decrypt(b"\n".join(lines) + b"\n"))
                except Exception:
                    # Ansible itself says what it cannot open, when it needs it.
                    continue
        self.secrets = sorted(found, key=lambda secret: (-len(secret), secret))

    def _vault_files(self):
        try:
            with open(os.environ.get("DEPLOYCTL_ANSIBLE_VAULTS", ""), encoding="utf-8") as file:
                return file.read().splitlines()
        except OSError:
            return []

    def v2_playbook_on_play_start(self, play):
        self.check = bool(getattr(play, "check_mode", None)) or self._in_check_run()
        self._say({"event": "play", "name": self._text(play.get_name())})

    def _in_check_run(self):
        try:
            from ansible import context

            return bool(context.CLIARGS.get("check"))
        except Exception:
            return False

    def v2_playbook_on_no_hosts_matched(self):
        self._say({"event": "no_hosts"})

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._task(task)

    def v2_playbook_on_handler_task_start(self, task):
        self._task(task)

    def _task(self, task):
        self.order.setdefault(task._uuid, len(self.order))
        self._say({"event": "task", "name": self._text(task.get_name())})

    # Results.

    def v2_runner_on_ok(self, result):
        self._result(result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result(result, "failed", ignored=bool(ignore_errors))

    def v2_runner_on_unreachable(self, result):
        self._result(result, "unreachable")

    def v2_runner_on_skipped(self, result):
        self._result(result, "skipped")

    def _result(self, result, status, ignored=False):
        task, host, data = result._task, result._host, result._result
        hidden = bool(data.get("_ansible_no_log")) or bool(getattr(task, "no_log", False)) or "censored" in data
        action = str(task.action).rsplit(".", 1)[-1]
        if action == "set_stats" and hidden:
            self._hide_facts(task)
        event = {
            "event": "result",
            "host": self._text(host.get_name()),
            "task": self._text(task.get_name()),
            "number": self.order.setdefault(task._uuid, len(self.order)),
            "action": action,
            "status": status,
            "changed": bool(data.get("changed")) and status != "skipped",
            "ignored": ignored,
            "hidden": hidden,
            "unpredictable": self._unpredictable(task, action, status, data),
            "diffs": [] if hidden else self._diffs(data),
            "message": "" if hidden else self._message(data, status),
        }
        self._say(event)

    def _unpredictable(self, task, action, status, data):
        """Why nobody can say what the task will do, in a check run; nothing where it was foreseen."""
        if not self.check or status in ("failed", "unreachable"):
            return None
        if status == "skipped":
            # Of a result that `no_log` hides, nothing says why it was left out.
            if self._was_conditional(data) or ("censored" in data and action in FORESEEN):
                return None
            return action if action in COMMANDS else "%s, which has no check mode" % action
        if getattr(task, "check_mode", None) is False and action not in HARMLESS:
            return "%s, which runs even in a check run" % action
        return None

    def _was_conditional(self, data):
        items = data.get("results")
        if isinstance(items, list) and items:
            return all(isinstance(item, dict) and self._was_conditional(item) for item in items)
        return any(key in data for key in ("skip_reason", "skipped_reason", "false_condition"))

    def _diffs(self, data):
        items = [item for item in data.get("results") or [] if isinstance(item, dict)] if "results" in data else [data]
        found = []
        for item in items:
            if item.get("_ansible_no_log") or "censored" in item:
                continue
            diffs = item.get("diff") or []
            for diff in diffs if isinstance(diffs, (list, tuple)) else [diffs]:
                if isinstance(diff, dict) and (item.get("changed") or not items):
                    self._diff(item, diff, found)
        return found

    def _diff(self, item, diff, found):
        label = self._text(self._label(item, diff))
        if "before" in diff or "after" in diff:
            before, after = self._value(diff.get("before")), self._value(diff.get("after"))
            if before != after:
                found.append({"label": label, "before": before, "after": after})
            elif diff.get("before") != diff.get("after"):
                found.append({"label": label, "before": HIDDEN, "after": HIDDEN})
        elif diff.get("prepared"):
            found.append({"label": label, "before": None, "after": self._value(diff["prepared"])})
        else:
            binary = [key for key in ("dst_binary", "src_binary", "dst_larger", "src_larger") if key in diff]
            if binary:
                found.append({"label": label, "before": None, "after": "(binary or too large to show)"})

    def _label(self, item, diff):
        asked = (item.get("invocation") or {}).get("module_args") or {}
        for place in (item, asked):
            for key in ("dest", "path", "name"):
                if isinstance(place.get(key), str) and place.get(key):
                    return place[key]
        for key in ("before_header", "after_header"):
            if isinstance(diff.get(key), str) and diff[key]:
                return diff[key]
        return "content"

    def _message(self, data, status):
        if status not in ("failed", "unreachable"):
            return ""
        items = [item for item in data.get("results") or [] if isinstance(item, dict) and item.get("failed")]
        said = []
        for item in items or [data]:
            if item.get("_ansible_no_log") or "censored" in item:
                said.append("what it said is hidden by no_log")
                continue
            parts = [item.get(key) for key in ("msg", "stderr", "module_stderr", "reason")]
            said.extend(self._text(part).strip() for part in parts if part)
        return "\n".join(dict.fromkeys(part for part in said if part))

    # What the playbook exports.

    def _hide_facts(self, task):
        data = (task.args or {}).get("data")
        if isinstance(data, dict):
            self.hidden_facts |= {str(key) for key in data}
        else:
            self.all_facts_hidden = True

    def _facts(self, custom):
        facts = {}
        for name, value in (custom or {}).items():
            plain = json.loads(json.dumps(value, default=str))
            hidden = self.all_facts_hidden or name in self.hidden_facts or self._value(plain) != plain
            facts[str(name)] = {"value": plain, "hidden": hidden}
        return facts

    def v2_playbook_on_stats(self, stats):
        hosts = {}
        for host in sorted(stats.processed):
            summary = stats.summarize(host)
            hosts[self._text(host)] = {key: int(summary.get(key, 0)) for key in
                                       ("ok", "changed", "failures", "unreachable", "skipped", "rescued", "ignored")}
        custom = dict(getattr(stats, "custom", None) or {})
        run = custom.pop("_run", {})
        self._say({
            "event": "stats",
            "hosts": hosts,
            "facts": self._facts(run),
            "host_facts": {self._text(host): self._facts(values) for host, values in custom.items()},
        })
