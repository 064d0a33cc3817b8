secret {
  env = "A"
}
secret "two words" {
  env = "B"
}
