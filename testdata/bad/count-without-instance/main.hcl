resource "value" "a" {
  count = 2
  input = count.index
}
resource "value" "b" {
  for_each = { x = 1 }
  input    = each.value
}
output "a" {
  value = value.a.output
}
output "b" {
  value = value.b.output
}
