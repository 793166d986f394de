"""What a drill on EC2 consists of: its network, interfaces, instances and volumes, and how they are removed again."""
