package keys_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"postern/internal/keys"
)

func Example() {
	dir, _ := os.MkdirTemp("", "keys")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "postern.key")

	ring, created, _ := keys.Open(path, time.Now())
	signature := ring.Sign(keys.Replies, []byte("issue 7, ann@example.com"))
	rotated, _ := keys.Rotate(path, time.Now())
	fmt.Println(created, rotated.Len(), rotated.Verify(keys.Replies, []byte("issue 7, ann@example.com"), signature))
	fmt.Println(rotated.Verify(keys.Replies, []byte("issue 8, ann@example.com"), signature))
	// Output:
	// true 2 true
	// false
}
