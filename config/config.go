// Package config is what an image and a node are, as data: the image (image.yaml, package lists, root overlay, boot menu,
// profiles), which is embedded, and the answers that an operator gives for one machine. It reads and checks; it changes
// nothing and knows nothing of how an image is built or a machine is installed.
package config
