# Configures two "hosts" with an Ansible playbook. Both are this machine, so that the example runs anywhere; in their place
# could stand addresses that another resource has for outputs.

variable "release" {
  type    = string
  default = "1.0"
}

variable "token" {
  type      = string
  default   = "change-me-please"
  sensitive = true
}

resource "ansible_playbook" "web" {
  playbook         = "ansible/site.yml"
  destroy_playbook = "ansible/remove.yml"

  inventory = {
    web = {
      hosts = ["web1", "web2"]
      vars = {
        ansible_connection         = "local"
        ansible_python_interpreter = "{{ ansible_playbook_python }}"
      }
    }
  }

  # They reach Ansible in a private file, never on a command line.
  extra_vars = {
    release = var.release
    token   = var.token
    # The playbook is run from a copy, so paths on this machine are absolute.
    run = abspath("run")
  }
}

# What the playbook exports with set_stats, used by something else.
resource "local_file" "released" {
  path    = "run/released.txt"
  content = "release ${ansible_playbook.web.facts.released} on ${join(", ", keys(ansible_playbook.web.hosts))}\n"
}

output "hosts" {
  value = { for name, host in ansible_playbook.web.hosts : name => host.result }
}
