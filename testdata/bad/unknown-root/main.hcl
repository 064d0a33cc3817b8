output "a" {
  value = vra.region
}
output "b" {
  value = nothing.like.it
}
