package webhook_test

import "testing"

func TestRaw(t *testing.T) {
	t.Parallel()
	golden(t, nil, rawHook)
}
