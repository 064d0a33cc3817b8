resource "value" "a" {
  input = value.a.output
}
