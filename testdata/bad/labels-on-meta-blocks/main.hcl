resource "value" "a" {
  lifecycle "x" {
  }
}
locals "x" {
}
