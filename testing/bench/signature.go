package main

import (
	"context"
	"os"
	"path/filepath"

	"debvisor/internal/sign"
)

// signature signs the image, with a raw signature and a bundle, and with openssl.
func (b bench) signature(ctx context.Context) (Result, error) {
	work, err := b.workspace()
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(work)
	image, err := b.image()
	if err != nil {
		return Result{}, err
	}
	ours, err := b.ourSignature(filepath.Join(work, "ours"), image)
	if err != nil {
		return Result{}, err
	}
	key := filepath.Join(work, "theirs.pem")
	if err := b.command(ctx, "openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)(); err != nil {
		return Result{}, err
	}
	theirs, err := b.fastest(b.command(ctx, "openssl", "dgst", "-sha256", "-sign", key, "-out", filepath.Join(work, "sig"), image))
	if err != nil {
		return Result{}, err
	}
	return Result{Name: "sign", Seconds: map[string]float64{"debvisor": ours, "openssl": theirs}, Ratio: map[string]float64{"debvisor/openssl": ours / theirs}}, nil
}

func (b bench) ourSignature(key, image string) (float64, error) {
	if err := sign.Generate(key, nil); err != nil {
		return 0, err
	}
	signer, err := sign.Load(key+".key", nil)
	if err != nil {
		return 0, err
	}
	return b.fastest(func() error {
		f, err := os.Open(image)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = signer.Sign(f)
		return err
	})
}
