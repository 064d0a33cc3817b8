deployment {
  strategy            = "hybrd"
  max_parallel        = 0
  timeout             = "soon"
  rollback_on_failure = "maybe"
  retries             = 3
}
