resource "value" "a" {
  input = count.index
}
output "b" {
  value = count.index
}
