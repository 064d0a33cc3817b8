data "deployctl_state" "network" {
  state "local" {
    path = "../network/.deployctl"
  }
}
data "deployctl_state" "network" {
  state "local" {
    path = "../other/.deployctl"
  }
  state "local" {}
}
