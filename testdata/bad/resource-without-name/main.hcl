resource "value" {
  input = 1
}
