deployctl {
  state {
    path = "x"
  }
}
