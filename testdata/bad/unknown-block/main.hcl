resorce "value" "a" {
  input = 1
}
