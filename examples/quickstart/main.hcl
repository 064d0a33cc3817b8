# A guest book in three processes on this machine: a store, an API that needs the store, and a front that needs the API.

variable "greeting" {
  type        = string
  default     = "Welcome. Leave a note if you like."
  description = "What the page says to its visitors. The API is started with it."
}

variable "title" {
  type        = string
  default     = "Guest book"
  description = "The title of the page. The front reads it from a file at each request."
}

variable "port" {
  type        = number
  default     = 18080
  description = "The port of the front; the two after it are for the API and the store."

  validation {
    condition     = var.port >= 1024 && var.port <= 65533
    error_message = "The port must be between 1024 and 65533, but is ${var.port}."
  }
}

variable "checkout" {
  type        = string
  default     = "../.."
  description = "The folder of the workspace that the application is built in."
}

locals {
  front = "127.0.0.1:${var.port}"
  api   = "127.0.0.1:${var.port + 1}"
  store = "127.0.0.1:${var.port + 2}"

  build   = ["cargo", "build", "--quiet", "--locked", "--package", "quickstart-app", "--target-dir", "target"]
  program = "${var.checkout}/target/debug/quickstart-app"

  # Changes with the application's source, so that what runs it is restarted once it has been built anew.
  source = sha256(join("", [for file in fileset("app/src", "*.rs") : filesha256("app/src/${file}")]))
}

resource "local_command" "build" {
  create      = local.build
  update      = local.build
  working_dir = var.checkout
  timeout     = "10m"
  triggers    = { source = local.source }
}

resource "local_file" "settings" {
  path    = "run/settings.conf"
  content = <<-EOT
    title = ${var.title}
    colour = teal
  EOT
}

resource "local_file" "notes" {
  path   = "run/notes.txt"
  source = "notes.txt"
}

resource "local_process" "store" {
  command    = local.program
  args       = ["store"]
  depends_on = [local_command.build]

  env = {
    SEED   = local_file.notes.path
    SOURCE = local.source
  }

  port {
    number = var.port + 2
    env    = "PORT"
  }

  health {
    http     = "http://${local.store}/healthz"
    interval = "200ms"
  }
}

resource "local_process" "api" {
  command    = local.program
  args       = ["api"]
  depends_on = [local_process.store]

  env = {
    GREETING = var.greeting
    STORE    = local.store
    SOURCE   = local.source
  }

  port {
    number = var.port + 1
    env    = "PORT"
  }

  health {
    http     = "http://${local.api}/healthz"
    interval = "200ms"
  }
}

resource "local_process" "front" {
  command    = local.program
  args       = ["front"]
  depends_on = [local_process.api]

  env = {
    API      = local.api
    SETTINGS = local_file.settings.path
    SOURCE   = local.source
  }

  port {
    number = var.port
    env    = "PORT"
  }

  health {
    http     = "http://${local.front}/healthz"
    interval = "200ms"
  }
}

output "url" {
  value       = "http://${local.front}/"
  description = "Where the guest book is."
}
