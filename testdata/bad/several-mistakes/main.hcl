resource "local_file" "page" {
  pth     = "x"
  content = var.contnet
  mode    = ["0600"]
}

variable "content" {
}

output "page" {
  value = local_file.pge.path
}
