secret "db" {}
resource "value" "v" {
  input = secret.db
}
