resource "value" "a" {
  input = 1
}
output "a" {
  value = value.a[0].output
}
