output "a" {
  value = value
}
output "b" {
  value = var
}
