resource "value" "a" {
  depends_on {
  }
}
