deployctl {
  state "s4" {}
}
