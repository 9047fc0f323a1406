package blocklist

import (
	"testing"

	"debvisor/internal/ansible/ansibletest"
)

func TestTheDocumentationIsOfTheModule(t *testing.T) {
	for _, wrong := range ansibletest.CheckDocs(Module) {
		t.Error(wrong)
	}
}
