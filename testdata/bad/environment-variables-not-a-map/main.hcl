environment "staging" {
  variables = ["a"]
}
environment "production" {
  variables {
    tag = "1"
  }
}
