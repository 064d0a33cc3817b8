resource "value" "a" {
  dynamic "x" {
  }
}
