resource "value" "a" {
  for_each = { x = 1 }
  input    = each.vlaue
}
