resource "value" "a" "b" {
}
