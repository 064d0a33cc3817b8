resource "value" "first" {
  input = 1
}
output "a" {
  value = value.first.ouput
}
