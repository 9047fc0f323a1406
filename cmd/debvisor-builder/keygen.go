package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"debvisor/internal/sign"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func keygenCommand() *cobra.Command {
	var passFile string
	c := &cobra.Command{
		Use:   "keygen NAME",
		Short: "Make a key pair that signs images: NAME.key and NAME.pub",
		Long: `Make a key pair that signs images: NAME.key and NAME.pub, in cosign's format.

The private key is encrypted with a passphrase from a file, from $COSIGN_PASSWORD or asked for on the
terminal, never from an argument.`,
		Example: `  debvisor-builder keygen release
  debvisor-builder keygen release --key-passphrase-file pass`,
		Args: exactly("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			pass, err := passphrase(passFile)
			if err == nil && len(pass) == 0 && onTerminal() {
				pass, err = newPassphrase()
			}
			if err != nil {
				return err
			}
			if len(pass) == 0 {
				return usageError{errors.New("no passphrase: give --key-passphrase-file or set COSIGN_PASSWORD")}
			}
			name := strings.TrimSuffix(args[0], ".key")
			if err := sign.Generate(name, pass); errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%w; keys are never replaced", err)
			} else if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s.key  keep it secret, with its passphrase\n%s.pub  give it to those who verify images\n", name, name)
			return nil
		},
	}
	c.Flags().StringVar(&passFile, "key-passphrase-file", "", "file with the passphrase; else $COSIGN_PASSWORD")
	return c
}

// passphrase comes from a file or the environment: arguments are seen by everybody on the machine.
func passphrase(file string) ([]byte, error) {
	if file == "" {
		pass := os.Getenv("COSIGN_PASSWORD")
		return []byte(pass), os.Unsetenv("COSIGN_PASSWORD") // the programs that a build runs have no use for it
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usageError{fmt.Errorf("read the passphrase: %w", err)}
	}
	return bytes.TrimRight(data, "\r\n"), nil
}

func onTerminal() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

// ask reads a passphrase from the terminal, unseen.
func ask(what string) ([]byte, error) {
	fmt.Fprint(os.Stderr, what+": ")
	pass, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return nil, fmt.Errorf("read the passphrase: %w", err)
	}
	return pass, nil
}

// newPassphrase asks twice: a mistyped one could never be used.
func newPassphrase() ([]byte, error) {
	first, err := ask("passphrase for the new key")
	if err != nil {
		return nil, err
	}
	second, err := ask("the same again")
	if err == nil && !bytes.Equal(first, second) {
		err = errors.New("the two passphrases differ")
	}
	return first, err
}
