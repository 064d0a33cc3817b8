deployctl {
  state "postgres" {
    url      = "db.internal:5432"
    schema   = ""
    password = "hunter2"
  }
}
