# A web server that is built, runs in a network of its own, and keeps its visitors' book in a volume.

variable "project" {
  type        = string
  default     = "shop"
  description = "What every name begins with."
}

variable "port" {
  type    = number
  default = 18080
}

variable "greeting" {
  type    = string
  default = "Welcome"
}

variable "base" {
  type        = string
  default     = "busybox:1.36"
  description = "The image to build on: anything with a shell and busybox's httpd."
}

resource "docker_network" "front" {
  name = "${var.project}-front"
}

# Without `delete_data` the volume stays when the rest is destroyed, and is taken up again by the next apply.
resource "docker_volume" "book" {
  name = "${var.project}-book"
}

resource "docker_image" "web" {
  name = "${var.project}/web:1"
  build {
    context = "web"
    args = {
      BASE     = var.base
      GREETING = var.greeting
    }
  }
}

resource "docker_container" "web" {
  name         = "${var.project}-web"
  image        = docker_image.web.id
  restart      = "unless-stopped"
  stop_timeout = 1

  network {
    name    = docker_network.front.name
    aliases = ["web"]
  }

  mount {
    source = docker_volume.book.name
    target = "/www/book"
  }

  port {
    internal = 8080
    external = var.port
    ip       = "127.0.0.1"
  }

  healthcheck {
    test     = ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"]
    interval = "1s"
  }

  lifecycle {
    create_before_destroy = true
  }
}

output "url" {
  value = "http://127.0.0.1:${var.port}"
}

output "image" {
  value = docker_image.web.id
}
