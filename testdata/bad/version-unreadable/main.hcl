deployctl {
  required_version = "newest"
}
