secret "db" {
  env  = "DB"
  file = "db.txt"
}
