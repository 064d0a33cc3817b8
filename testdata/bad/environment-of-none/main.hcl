resource "value" "a" {
}
