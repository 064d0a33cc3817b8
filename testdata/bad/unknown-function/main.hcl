output "a" {
  value = uper("x")
}
