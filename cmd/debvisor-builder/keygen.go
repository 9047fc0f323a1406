package main

import (
	"bytes"
	"fmt"
	"os"
)

// passphrase comes from a file or the environment: arguments are seen by everybody on the machine.
func passphrase(file string) ([]byte, error) {
	if file == "" {
		return []byte(os.Getenv("COSIGN_PASSWORD")), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usageError{fmt.Errorf("read the passphrase: %w", err)}
	}
	return bytes.TrimRight(data, "\r\n"), nil
}
