"""What a pretrained network can learn from few examples: features at scale, and the linear probe."""
