resource "value" "a" {
  input = each.value
}
