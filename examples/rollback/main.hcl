# Publishes a folder of pages. What is copied is captured with every apply, so that it can be brought back later,
# whatever the folder holds by then.

variable "notice" {
  type        = string
  default     = ""
  description = "Shown beside the pages, if it is not empty."
}

variable "mirrors" {
  type    = number
  default = 2
}

locals {
  pages = toset(fileset("pages", "*.html"))
}

resource "local_file" "page" {
  for_each = local.pages

  path   = "run/site/${each.key}"
  source = "pages/${each.key}"
}

resource "local_file" "notice" {
  count = var.notice == "" ? 0 : 1

  path    = "run/site/notice.txt"
  content = "${var.notice}\n"
}

# One index for each mirror, made of what is published.
resource "local_file" "mirror" {
  count = var.mirrors

  path = "run/mirror-${count.index}.txt"
  content = join("", [
    for name, page in local_file.page : "${page.digest}  ${name}\n"
  ])
}

output "pages" {
  value = [for name, page in local_file.page : name]
}
