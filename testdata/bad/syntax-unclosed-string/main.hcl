resource "value" "a" {
  input = "x
}
