environment "staging" {
}
environment "production" {
}
