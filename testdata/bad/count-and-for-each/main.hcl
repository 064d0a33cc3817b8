resource "value" "a" {
  count    = 2
  for_each = { x = 1 }
}
