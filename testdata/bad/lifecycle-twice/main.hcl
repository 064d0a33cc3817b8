resource "value" "a" {
  lifecycle {
  }
  lifecycle {
  }
}
