# Every block and argument that there is, at least once.
deployctl {
  required_version = ">= 0.1"
  state "local" {
    path = "state"
  }
  retention {
    revisions = 5
    days      = 7
  }
}

deployment {
  strategy            = "hybrid"
  max_parallel        = 4
  timeout             = "30m"
  rollback_on_failure = true
}

environment "staging" {
  description = "Where changes are tried"
  variables   = { tag = "1.1-rc1" }
}

variable "tag" {
  type        = string
  default     = "1.0"
  description = "Which build"
  nullable    = false
  validation {
    condition     = length(var.tag) > 0
    error_message = "The tag is empty."
  }
}

variable "ports" {
  type    = list(number)
  default = ["80", 443]
}

variable "password" {
  type      = string
  sensitive = true
  default   = null
}

locals {
  url = "http://127.0.0.1:${var.ports[0]}/"
}

provider "local" {
  alias = "here"
}

resource "value" "release" {
  for_each = toset(["eu", "us"])
  input    = "${each.key}-${var.tag}"
  lifecycle {
    create_before_destroy = true
  }
}

resource "local_process" "web" {
  provider   = local.here
  command    = "/bin/web"
  depends_on = [value.release]

  health {
    http          = "http://127.0.0.1:80/"
    expect_status = 204
    interval      = "500ms"
  }
  lifecycle {
    create_before_destroy = false
    prevent_destroy       = true
    ignore_changes        = [args, env["HOME"], ports[0]]
    replace_triggered_by  = [value.release["eu"]]
    precondition {
      condition     = var.tag != "bad"
      error_message = "Not this one."
    }
    postcondition {
      condition     = self.pid > 0
      error_message = "It does not run."
    }
  }
  timeouts {
    create = "1m30s"
    update = "1m"
    delete = "10s"
  }
  retry {
    attempts = 4
    delay    = "250ms"
  }
}

output "url" {
  value       = local.url
  description = "Where it is"
  sensitive   = false
  depends_on  = [local_process.web]
}
