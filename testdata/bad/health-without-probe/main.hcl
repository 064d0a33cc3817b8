resource "value" "a" {
  health {
    interval = "1s"
  }
}
