password = ["hunter2"]
tag = []
