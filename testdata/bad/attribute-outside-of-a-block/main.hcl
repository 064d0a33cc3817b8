region = "eu"

resource "value" "a" {
  input = "${region}"
}
