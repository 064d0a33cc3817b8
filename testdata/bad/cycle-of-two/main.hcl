resource "value" "a" {
  input = value.b.output
}
resource "value" "b" {
  input = value.a.output
}
