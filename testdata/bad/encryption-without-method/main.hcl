deployctl {
  encryption {
    key {
      env = "K"
    }
  }
}
