deployctl {
  retention {
    revisions = -1
    days      = "thirty"
    weeks     = 4
  }
}
