secret "db" {
  vault {
    feild = "password"
    token {
      env = "T"
    }
    app_role {
      role_id = "r"
    }
  }
}
