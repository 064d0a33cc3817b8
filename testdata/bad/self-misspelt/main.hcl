resource "value" "a" {
  input = 1
  lifecycle {
    postcondition {
      condition     = self.ouput == 1
      error_message = "It is not 1."
    }
  }
}
