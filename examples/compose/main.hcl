# A shop as a Docker Compose project, and a check that its front page answers.

variable "tag" {
  type    = string
  default = "1.0"
}

variable "api_key" {
  type      = string
  default   = "only-an-example"
  sensitive = true
}

variable "workers" {
  type    = number
  default = 1
}

variable "port" {
  type    = number
  default = 18090
}

resource "compose_project" "shop" {
  path         = "shop"
  project_name = var.project_name
  env = {
    TAG     = var.tag
    API_KEY = var.api_key
    PORT    = var.port
  }
  scale = {
    worker = var.workers
  }
  remove_volumes = true

  health {
    http     = "http://127.0.0.1:${var.port}/"
    interval = "500ms"
    retries  = 20
  }
}

variable "project_name" {
  type    = string
  default = "deployctl-example-shop"
}

output "front" {
  value = compose_project.shop.containers["front"][0].ports["80/tcp"]
}
