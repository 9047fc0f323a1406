package main

import (
	"context"
	"os"
	"path/filepath"

	"debvisor/internal/sign"
)

// measureSignature signs the image, with a raw signature and a bundle, and with openssl.
func measureSignature(ctx context.Context, b bench, f []Figure) error {
	work, err := b.workspace()
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	image, err := b.image()
	if err != nil {
		return err
	}
	ours, err := ourSignature(filepath.Join(work, "ours"), image)
	if err != nil {
		return err
	}
	key := filepath.Join(work, "theirs.pem")
	if _, err := run(ctx, nil, "openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key); err != nil {
		return err
	}
	theirs := command(ctx, "openssl", "dgst", "-sha256", "-sign", key, "-out", filepath.Join(work, "sig"), image)
	o, p, err := compare(b.runs, b.runs, ours, theirs)
	if err != nil {
		return err
	}
	f[0].set(o.seconds, p.seconds)
	return nil
}

func ourSignature(key, image string) (task, error) {
	if err := sign.Generate(key, nil); err != nil {
		return nil, err
	}
	signer, err := sign.Load(key+".key", nil)
	if err != nil {
		return nil, err
	}
	return timed(func() error {
		f, err := os.Open(image)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = signer.Sign(f)
		return err
	}), nil
}
