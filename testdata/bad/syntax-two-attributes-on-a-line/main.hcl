resource "value" "a" { input = 1 triggers = {} }
