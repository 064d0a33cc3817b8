locals {
  first  = value.a.output
  second = "${local.first}!"
}
resource "value" "a" {
  input      = 1
  depends_on = [value.b]
}
resource "value" "b" {
  input = local.second
}
