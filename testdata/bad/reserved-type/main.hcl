resource "var" "a" {
}
