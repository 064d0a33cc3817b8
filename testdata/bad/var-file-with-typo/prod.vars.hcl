regoin = "us"
