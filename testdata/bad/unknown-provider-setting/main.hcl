provider "local" {
  hots = "x"
}
