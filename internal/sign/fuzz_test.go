package sign

import (
	"strings"
	"testing"

	"debvisor/internal/sign/verify"
)

// One key of a test, its secret thrown away.
const fuzzPub = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEykveDLrY/KlCOrdfYjug1eSTHU2u
5MaDp0i/9Ni3DRwHEYn3jr0mYnrG/nsWTACbvwqjs9jNjCu+XsxPEC996Q==
-----END PUBLIC KEY-----
`

// No input that was not signed may pass, and none may panic. A fuzzer finds no signature.
func FuzzVerify(f *testing.F) {
	f.Add([]byte(fuzzPub), []byte("c2ln"), []byte(`{"mediaType":"`+bundleType+`","verificationMaterial":{"publicKey":{"hint":""}},`+
		`"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"AA=="},"signature":"AA=="}}`))
	f.Fuzz(func(t *testing.T, pub, sig, bundle []byte) {
		for name, err := range map[string]error{
			"raw":    Verify(strings.NewReader(content), pub, sig),
			"small":  verify.Raw(strings.NewReader(content), pub, sig),
			"bundle": VerifyBundle(strings.NewReader(content), pub, bundle),
		} {
			if err == nil {
				t.Errorf("%s passes", name)
			}
		}
	})
}
