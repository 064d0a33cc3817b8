resource "local_command" "migrate" {
  create = ["true"]
  env {
    A = "b"
  }
}
