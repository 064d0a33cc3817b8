resource "value" "a" {
  timeouts {
    create = 30
    read   = "5s"
  }
  retry {
    attempts = 0
    delay    = "1 s"
  }
}
