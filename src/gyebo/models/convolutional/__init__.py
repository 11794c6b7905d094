"""Networks of convolutions: each looks at a window of the image, and shares its weights between all windows."""
