resource "value" "first" {
  input = 1
}
resource "value" "second" {
  input = value.frist.output
}
