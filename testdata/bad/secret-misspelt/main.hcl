secret "database" {
  env = "DB"
}
resource "value" "v" {
  input = secret.databse
}
