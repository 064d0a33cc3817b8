output "x" {
  value = }
