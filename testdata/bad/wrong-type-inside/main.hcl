resource "local_command" "migrate" {
  create = ["sh", ["-c"], "true"]
  env = {
    GOOD = "x"
    BAD  = ["y"]
  }
}
