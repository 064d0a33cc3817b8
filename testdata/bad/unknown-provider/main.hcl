provider "locl" {
}
