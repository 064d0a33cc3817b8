output "home" {
  value = env.HOME
}
