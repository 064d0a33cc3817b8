secret "db" {
  env = "A"
}
secret "db" {
  env = "B"
}
