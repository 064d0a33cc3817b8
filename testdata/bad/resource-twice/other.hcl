resource "value" "a" {
  input = 2
}
