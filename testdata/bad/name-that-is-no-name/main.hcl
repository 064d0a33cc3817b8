resource "value" "my value" {
}
resource "value" "1st" {
}
