resource "value" "a" {
  lifecycle = { prevent_destroy = true }
}
