resource "local_process" "web" {
  command  = "sleep"
  args     = [[1]]
  replicas = "many"
}
