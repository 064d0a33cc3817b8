# One configuration, two environments. Each has values and a state of its own.

variable "domain" {
  type        = string
  description = "Where the services are reached."
}

variable "replicas" {
  type    = number
  default = 1

  validation {
    condition     = var.replicas >= 1 && var.replicas <= 8
    error_message = "There must be between 1 and 8 replicas."
  }
}

variable "services" {
  type = map(object({
    port  = number
    debug = optional(bool, false)
  }))
  default = {
    shop    = { port = 8001 }
    billing = { port = 8002, debug = true }
  }
}

variable "token" {
  type        = string
  sensitive   = true
  default     = "only an example"
  description = "What the services show each other. It is never printed, and rests encrypted in the state."
}

environment "staging" {
  variables = {
    domain = "staging.example.com"
  }
}

environment "production" {
  variables = {
    domain   = "example.com"
    replicas = 2
  }
}

locals {
  folder = "run-${var.domain}"
  urls   = { for name, service in var.services : name => "http://${name}.${var.domain}:${service.port}/" }
}

resource "local_file" "service" {
  for_each = var.services

  path    = "${local.folder}/${each.key}.conf"
  content = <<-EOT
    name = ${each.key}
    url = ${local.urls[each.key]}
    %{ if each.value.debug ~}
    log = debug
    %{ endif ~}
  EOT
}

# It holds a sensitive value, so only its owner may read it.
resource "local_file" "token" {
  path    = "${local.folder}/token"
  content = var.token
}

# Follows the configurations, as many times as the environment asks for: `deployctl --env staging logs local_process.watcher`.
resource "local_process" "watcher" {
  command  = "tail"
  args     = concat(["-n", "+1", "-f"], [for name, file in local_file.service : file.path])
  replicas = var.replicas
}

output "urls" {
  value = local.urls
}

output "pids" {
  value = local_process.watcher.pids
}
