resource "value" "a" {
  depends_on = ["value.b"]
}
resource "value" "b" {
  depends_on = value.c
}
resource "value" "c" {
  depends_on = [var.x, value.d]
}
