service "web" {
}
