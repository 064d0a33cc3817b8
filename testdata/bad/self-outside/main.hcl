resource "value" "a" {
  input = self.output
}
