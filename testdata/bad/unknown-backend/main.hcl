deployctl {
  state "etcd" {
  }
}
